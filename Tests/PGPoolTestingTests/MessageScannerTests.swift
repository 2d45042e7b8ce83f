import Testing

@testable import PGPoolTesting

/// A COMMIT's answer is found wherever the network cuts the bytes.
struct MessageScannerTests {
    private static func message(_ letter: Character, _ body: [UInt8]) -> [UInt8] {
        let length = UInt32(body.count + 4)
        let size = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
        return [letter.asciiValue ?? 0] + size + body
    }

    private static func completion(_ tag: String) -> [UInt8] {
        message("C", Array(tag.utf8) + [0])
    }

    private static let before =
        message("R", [0, 0, 0, 0]) + message("D", Array("COMMIT\0".utf8)) + completion("INSERT 0 1")
        + completion("REVOKE") + message("Z", [0x49])

    /// Bytes that pass when they come in pieces of a size.
    private func passed(_ bytes: [UInt8], pieces: Int, encryption: Int = 0) -> [UInt8] {
        var scanner = ReplyScanner()
        for _ in 0..<encryption { scanner.expectSingleByte() }
        var passed: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            let piece = bytes[start..<min(start + pieces, bytes.count)]
            let count = scanner.scan(piece, stopsAtCommit: true)
            passed += piece.prefix(count)
            if count < piece.count { break }
        }
        return passed
    }

    @Test(arguments: 1...40)
    func nothingFromACommitOnPassesWhole(pieces: Int) {
        let commit = Self.completion("COMMIT")
        let all = Self.before + commit + Self.message("Z", [0x49])
        let result = passed(all, pieces: pieces)
        #expect(result.starts(with: Self.before))
        #expect(result.count < Self.before.count + commit.count)
        #expect(passed(Self.before, pieces: pieces) == Self.before)
    }

    @Test func aWholeMessageIsDroppedFromItsStart() {
        let all = Self.before + Self.completion("COMMIT")
        #expect(passed(all, pieces: all.count) == Self.before)
    }

    @Test func aRefusedEncryptionIsOneByte() {
        let all = [UInt8(ascii: "N")] + Self.before + Self.completion("COMMIT")
        let result = passed(all, pieces: 7, encryption: 1)
        #expect(result.starts(with: [UInt8(ascii: "N")] + Self.before))
        #expect(result.count < all.count)
    }

    @Test func whatIsEncryptedPassesUnread() {
        let all = [UInt8(ascii: "S")] + Self.before + Self.completion("COMMIT")
        #expect(passed(all, pieces: 7, encryption: 1) == all)
    }

    @Test func requestsForEncryptionAreCounted() {
        let ssl: [UInt8] = [0, 0, 0, 8, 4, 210, 22, 47]
        let gss: [UInt8] = [0, 0, 0, 8, 4, 210, 22, 48]
        let login: [UInt8] = [0, 0, 0, 20, 0, 3, 0, 0, 1, 2, 3]
        var scanner = RequestScanner()
        #expect(scanner.scan((ssl + gss + login)[...]) == 2)
        // What follows a login only looks like a request.
        #expect(scanner.scan(ssl[...]) == 0)
    }
}
