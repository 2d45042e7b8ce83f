/// A place in a statement's text. Knows quotes and comments (PostgreSQL manual, 4.1), and which
/// semicolons separate statements.
struct TextCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0
    /// Whether a string was met whose end depends on `standard_conforming_strings`.
    private(set) var isAmbiguous = false
    /// Whether the statement is a CREATE, whose body may hold semicolons (BEGIN ATOMIC … END).
    private var mayHoldBody = false
    private var depth = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// Whether a word that was found is this one, which is given in lower case.
    func isWord(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<range.count
        where bytes[range.lowerBound + index] | 0x20 != word.utf8Start[index] {
            return false
        }
        return true
    }

    /// The first word of a statement, if it begins with one.
    mutating func word() -> Range<Int>? {
        mayHoldBody = false
        depth = 0
        while place < bytes.count {
            skipIgnorable()
            guard place < bytes.count else { return nil }
            // The server ignores empty statements; a SELECT may begin with parentheses.
            if bytes[place] == UInt8(ascii: ";") || bytes[place] == UInt8(ascii: "(") {
                place += 1
                continue
            }
            break
        }
        guard place < bytes.count, Self.isLetter(bytes[place]) else { return nil }
        let range = scanWord()
        mayHoldBody = isWord(range, "create")
        return range
    }

    /// The next word of the statement; nil at its end.
    mutating func nextWord() -> Range<Int>? {
        while place < bytes.count {
            skipIgnorable()
            guard place < bytes.count else { return nil }
            let byte = bytes[place]
            switch byte {
            case UInt8(ascii: ";"):
                guard depth > 0 else { return nil }
                place += 1
            case UInt8(ascii: "'"): skipQuoted(byte, hasEscapes: false)
            case UInt8(ascii: "\""): skipQuoted(byte, hasEscapes: false)
            case UInt8(ascii: "$"): skipDollar()
            case _ where Self.isWordByte(byte):
                let range = scanWord()
                if isEscapePrefix(range) {
                    skipQuoted(UInt8(ascii: "'"), hasEscapes: true)
                    continue
                }
                noteBody(range)
                return range
            default:
                place += 1
            }
        }
        return nil
    }

    /// Goes behind the statement's semicolon; false at the end of the text.
    mutating func skipStatement() -> Bool {
        while nextWord() != nil {}
        guard place < bytes.count else { return false }
        place += 1
        return true
    }

    // MARK: - Helpers

    private mutating func noteBody(_ word: Range<Int>) {
        guard mayHoldBody else { return }
        if isWord(word, "begin") || (depth > 0 && isWord(word, "case")) {
            depth += 1
        } else if depth > 0, isWord(word, "end") {
            depth -= 1
        }
    }

    private mutating func scanWord() -> Range<Int> {
        let start = place
        while place < bytes.count, Self.isWordByte(bytes[place]) { place += 1 }
        return start..<place
    }

    private func isEscapePrefix(_ range: Range<Int>) -> Bool {
        isWord(range, "e") && place < bytes.count && bytes[place] == UInt8(ascii: "'")
    }

    private mutating func skipQuoted(_ quote: UInt8, hasEscapes: Bool) {
        place += 1
        while place < bytes.count, bytes[place] != quote {
            if bytes[place] == UInt8(ascii: "\\") {
                if hasEscapes {
                    place += 1
                } else if quote == UInt8(ascii: "'") {
                    isAmbiguous = true
                }
            }
            place += 1
        }
        place += 1
    }

    /// `$tag$ … $tag$`, or a parameter such as `$1`.
    private mutating func skipDollar() {
        let start = place
        place += 1
        while place < bytes.count, Self.isWordByte(bytes[place]), bytes[place] != UInt8(ascii: "$")
        {
            place += 1
        }
        guard place < bytes.count, bytes[place] == UInt8(ascii: "$") else { return }
        place += 1
        let length = place - start
        while place + length <= bytes.count {
            if (0..<length).allSatisfy({ bytes[place + $0] == bytes[start + $0] }) {
                place += length
                return
            }
            place += 1
        }
        place = bytes.count
    }

    private mutating func skipIgnorable() {
        while place < bytes.count {
            if bytes[place] <= UInt8(ascii: " ") {
                place += 1
            } else if starts("--") {
                while place < bytes.count, bytes[place] != 10, bytes[place] != 13 { place += 1 }
            } else if starts("/*") {
                skipComment()
            } else {
                return
            }
        }
    }

    /// Block comments nest.
    private mutating func skipComment() {
        var depth = 0
        repeat {
            if starts("/*") {
                depth += 1
                place += 2
            } else if starts("*/") {
                depth -= 1
                place += 2
            } else {
                place += 1
            }
        } while depth > 0 && place < bytes.count
    }

    private func starts(_ text: StaticString) -> Bool {
        place + 1 < bytes.count && bytes[place] == text.utf8Start[0]
            && bytes[place + 1] == text.utf8Start[1]
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "_") || byte >= 128
    }
}
