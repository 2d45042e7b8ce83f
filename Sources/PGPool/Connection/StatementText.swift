/// The little that is read out of a statement's text. It is never parsed for metrics.
enum StatementText {
    /// The first word, in upper case, behind white space, comments and opening parentheses.
    static func firstKeyword(_ sql: String) -> String {
        var bytes = Substring(sql).utf8
        skipIgnorable(&bytes)
        let word = bytes.prefix { isLetter($0) }
        return String(decoding: word, as: UTF8.self).uppercased()
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func skipIgnorable(_ bytes: inout Substring.UTF8View) {
        while let byte = bytes.first {
            switch byte {
            case UInt8(ascii: " "), 9...13, UInt8(ascii: "("), UInt8(ascii: ";"):
                bytes.removeFirst()
            case UInt8(ascii: "-") where bytes.dropFirst().first == UInt8(ascii: "-"):
                bytes = bytes.drop { $0 != 10 && $0 != 13 }
            case UInt8(ascii: "/") where bytes.dropFirst().first == UInt8(ascii: "*"):
                skipBlockComment(&bytes)
            default:
                return
            }
        }
    }

    /// Block comments nest (PostgreSQL manual, 4.1.5).
    private static func skipBlockComment(_ bytes: inout Substring.UTF8View) {
        var depth = 0
        repeat {
            let pair = bytes.prefix(2)
            if pair.elementsEqual("/*".utf8) {
                depth += 1
                bytes = bytes.dropFirst(2)
            } else if pair.elementsEqual("*/".utf8) {
                depth -= 1
                bytes = bytes.dropFirst(2)
            } else {
                bytes = bytes.dropFirst()
            }
        } while depth > 0 && !bytes.isEmpty
    }
}
