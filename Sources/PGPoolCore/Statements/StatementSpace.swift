/// White space and comments (PostgreSQL manual, 4.1.5).
package enum StatementSpace {
    /// The place of the first byte at or behind `start` that is neither; the count if there is none.
    package static func end(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var place = start
        while place < bytes.count {
            if bytes[place] <= UInt8(ascii: " ") {
                place += 1
            } else if begins(bytes, "--", at: place) {
                while place < bytes.count, bytes[place] != 10, bytes[place] != 13 { place += 1 }
            } else if begins(bytes, "/*", at: place) {
                place = endOfComment(bytes, from: place)
            } else {
                return place
            }
        }
        return place
    }

    /// Block comments nest.
    private static func endOfComment(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var place = start
        var depth = 0
        repeat {
            if begins(bytes, "/*", at: place) {
                depth += 1
                place += 2
            } else if begins(bytes, "*/", at: place) {
                depth -= 1
                place += 2
            } else {
                place += 1
            }
        } while depth > 0 && place < bytes.count
        return place
    }

    private static func begins(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ text: StaticString,
        at place: Int
    ) -> Bool {
        place + 1 < bytes.count && bytes[place] == text.utf8Start[0]
            && bytes[place + 1] == text.utf8Start[1]
    }
}
