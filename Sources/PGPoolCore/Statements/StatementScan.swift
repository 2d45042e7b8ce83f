/// What has to be known of a statement's text to tell what its failure means. Nothing is parsed
/// beyond where statements begin and which words they begin with.
package enum StatementScan {
    /// Whether a text asks for the end of the transaction that it is sent in, by a commit.
    ///
    /// Where the text holds what cannot be followed without the session's settings (a backslash in
    /// an ordinary string) and several statements, the answer is yes.
    ///
    /// - Parameter isSingle: the protocol lets it be one statement only, so its beginning is enough.
    package static func mayCommit(_ sql: String, isSingle: Bool) -> Bool {
        reading(sql) { bytes in
            var cursor = TextCursor(bytes)
            if isSingle || !bytes.contains(UInt8(ascii: ";")) { return commits(&cursor) }
            repeat {
                if commits(&cursor) { return true }
            } while cursor.skipStatement()
            return cursor.isAmbiguous
        }
    }

    /// Whether a text may commit a part of its work before it fails, outside a transaction: what
    /// commits by itself inside, and several statements at once.
    package static func isDivisible(_ sql: String) -> Bool {
        reading(sql) { bytes in
            var cursor = TextCursor(bytes)
            var count = 0
            repeat {
                guard let word = cursor.word() else { continue }
                count += 1
                if count > 1 || divisible.contains(where: { cursor.isWord(word, $0) }) {
                    return true
                }
                guard concurrent.contains(where: { cursor.isWord(word, $0) }) else { continue }
                while let next = cursor.nextWord() {
                    if cursor.isWord(next, "concurrently") { return true }
                }
            } while cursor.skipStatement()
            return cursor.isAmbiguous
        }
    }

    /// What a statement does that a transaction with a verified commit cannot stand.
    package enum Interference: Hashable, Sendable {
        /// It ends the transaction, or begins another, behind the pool's back.
        case endsTransaction
        /// It may change what COMMIT waits for.
        case changesDurability
    }

    /// Whether a text interferes with a commit that the pool has to verify.
    package static func interference(_ sql: String) -> Interference? {
        reading(sql) { bytes in
            var cursor = TextCursor(bytes)
            var maySet = contains(bytes, "set_config") || contains(bytes, "pg_settings")
            repeat {
                guard let word = cursor.word() else { continue }
                if setters.contains(where: { cursor.isWord(word, $0) }) { maySet = true }
                if endings.contains(where: { cursor.isWord(word, $0) }) { return .endsTransaction }
                if cursor.isWord(word, "prepare"), let second = cursor.nextWord(),
                    cursor.isWord(second, "transaction")
                {
                    return .endsTransaction
                }
                if cursor.isWord(word, "rollback"), !isToSavepoint(&cursor) {
                    return .endsTransaction
                }
            } while cursor.skipStatement()
            return maySet && contains(bytes, "synchronous_commit") ? .changesDurability : nil
        }
    }

    private static let divisible: [StaticString] = [
        "call", "do", "vacuum", "cluster", "reindex", "analyze",
    ]
    /// What commits by itself if it says CONCURRENTLY.
    private static let concurrent: [StaticString] = ["create", "drop", "alter"]
    private static let endings: [StaticString] = ["commit", "end", "abort", "begin", "start"]
    private static let setters: [StaticString] = ["set", "reset", "do"]

    private static func commits(_ cursor: inout TextCursor) -> Bool {
        guard let word = cursor.word() else { return false }
        if cursor.isWord(word, "commit") || cursor.isWord(word, "end") { return true }
        guard cursor.isWord(word, "prepare"), let second = cursor.nextWord() else { return false }
        return cursor.isWord(second, "transaction")
    }

    /// ROLLBACK [ WORK | TRANSACTION ] TO [ SAVEPOINT ] name.
    private static func isToSavepoint(_ cursor: inout TextCursor) -> Bool {
        guard var next = cursor.nextWord() else { return false }
        if cursor.isWord(next, "work") || cursor.isWord(next, "transaction") {
            guard let further = cursor.nextWord() else { return false }
            next = further
        }
        return cursor.isWord(next, "to")
    }

    private static func contains(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ word: StaticString
    ) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count >= count else { return false }
        return (0...bytes.count - count).contains { start in
            (0..<count).allSatisfy { bytes[start + $0] | 0x20 == word.utf8Start[$0] | 0x20 }
        }
    }

    private static func reading<Result>(
        _ sql: String,
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        var text = sql
        return text.withUTF8(body)
    }
}
