/// Finds a server's answer to COMMIT among the bytes that it sends.
///
/// A message is a letter, its length in four bytes, and its body
/// (<https://www.postgresql.org/docs/current/protocol-overview.html>), except for the single byte
/// that answers a request for encryption. Once encryption begins nothing is found any more.
struct ReplyScanner {
    private var singleBytes = 0
    private var isOpaque = false
    /// The letter, the length and, of a completion, the tag of the message under way.
    private var head: [UInt8] = []
    /// How many bytes of the message under way have not come yet, once that is known.
    private var remaining = 0

    private static let tag = Array("COMMIT".utf8) + [0]

    /// The client asked for encryption: one byte comes that is no message.
    mutating func expectSingleByte() { singleBytes += 1 }

    /// Goes through bytes as they come.
    ///
    /// - Returns: How many of them may pass: all, unless it is to stop and finds a COMMIT's
    ///   completion, which then stays incomplete.
    mutating func scan(_ bytes: ArraySlice<UInt8>, stopsAtCommit: Bool) -> Int {
        guard !isOpaque else { return bytes.count }
        var index = bytes.startIndex
        var messageStart = index
        while index < bytes.endIndex {
            if singleBytes > 0 && head.isEmpty && remaining == 0 {
                singleBytes -= 1
                // S and G: what follows is encrypted.
                if bytes[index] != UInt8(ascii: "N") {
                    isOpaque = true
                    return bytes.count
                }
                index += 1
                messageStart = index
                continue
            }
            if remaining > 0 {
                let skipped = min(remaining, bytes.endIndex - index)
                remaining -= skipped
                index += skipped
                messageStart = index
                continue
            }
            head.append(bytes[index])
            index += 1
            guard head.count >= 5 else { continue }
            let length = head[1..<5].reduce(0) { $0 << 8 | Int($1) }
            let isCandidate = head[0] == UInt8(ascii: "C") && length == 4 + Self.tag.count
            if isCandidate {
                guard head.count == 5 + Self.tag.count else { continue }
                if stopsAtCommit && head.suffix(Self.tag.count).elementsEqual(Self.tag) {
                    return messageStart - bytes.startIndex
                }
                remaining = 0
            } else {
                remaining = max(0, length - 4)
            }
            head.removeAll(keepingCapacity: true)
            messageStart = index
        }
        return bytes.count
    }
}

/// Finds a client's requests for encryption, which come before its login.
struct RequestScanner {
    private var packet: [UInt8] = []
    private var isDone = false

    private static let encryption: Set<UInt32> = [80_877_103, 80_877_104]

    /// Goes through bytes as they come.
    ///
    /// - Returns: How many requests for encryption ended in them.
    mutating func scan(_ bytes: ArraySlice<UInt8>) -> Int {
        var found = 0
        for byte in bytes {
            guard !isDone else { break }
            packet.append(byte)
            guard packet.count == 8 else { continue }
            let code = packet[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            isDone = !Self.encryption.contains(code)
            if !isDone { found += 1 }
            packet.removeAll()
        }
        return found
    }
}
