internal import CLibPQ

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A result of one row at the most that is small, copied out of libpq's.
///
/// libpq takes three kilobytes for each result. Freed at once they are the ones that the next result
/// gets, still in the processor's cache; kept until the statement's task has read them they are not.
///
/// Proof of sendability: it is filled by whoever made it and not changed once it is handed over.
final class CompactResult: KeptResult, @unchecked Sendable {
    // Its fields and what is behind them, in one allocation.
    private typealias Memory = ManagedBufferPointer<Header, UInt32>

    private struct Header {
        var rowCount: UInt8
        var columnCount: UInt8
        /// Of the words and the bytes behind them.
        var size: UInt16
        /// Where the command's tag lies.
        var tag: Place
    }

    /// Bytes behind the words.
    private struct Place {
        var start: UInt16
        var length: UInt16

        init(start: Int, length: Int) {
            self.start = UInt16(truncatingIfNeeded: start)
            self.length = UInt16(truncatingIfNeeded: length)
        }

        init(word: UInt32) {
            start = UInt16(truncatingIfNeeded: word)
            length = UInt16(truncatingIfNeeded: word >> 16)
        }

        var word: UInt32 { UInt32(length) << 16 | UInt32(start) }
    }

    private static let maxColumns = 12
    /// With what the object itself takes, just less than what the allocator keeps at hand for each thread.
    private static let maxSize = 900
    /// A column's words: its type, where its name lies and where its value lies.
    private static let wordsPerColumn = 3
    private static let null = UInt32.max

    /// Copies a result and frees it; nil, and it is left as it is, if it is too large.
    static func take(_ result: OpaquePointer) -> CompactResult? {
        let (rows, columns) = (Int(PQntuples(result)), Int(PQnfields(result)))
        guard rows <= 1, columns <= maxColumns, let tag = PQcmdStatus(result) else { return nil }
        let words = columns * wordsPerColumn * MemoryLayout<UInt32>.size
        let tagLength = strlen(tag)
        var size = words + tagLength
        for column in 0..<Int32(columns) {
            guard let name = PQfname(result, column) else { return nil }
            size += strlen(name)
            if rows > 0 { size += Int(PQgetlength(result, 0, column)) }
        }
        guard size <= maxSize else { return nil }
        let memory = Memory(bufferClass: Self.self, minimumCapacity: (size + 3) / 4) { _, _ in
            Header(
                rowCount: UInt8(rows),
                columnCount: UInt8(columns),
                size: UInt16(size),
                tag: Place(start: 0, length: tagLength)
            )
        }
        memory.withUnsafeMutablePointerToElements { words in
            fill(words, from: result, rows, columns, tag, tagLength)
        }
        PQclear(result)
        return unsafeDowncast(memory.buffer, to: CompactResult.self)
    }

    private static func fill(
        _ words: UnsafeMutablePointer<UInt32>,
        from result: OpaquePointer,
        _ rows: Int,
        _ columns: Int,
        _ tag: UnsafePointer<CChar>,
        _ tagLength: Int
    ) {
        let bytes = UnsafeMutableRawPointer(words + columns * wordsPerColumn)
        var end = 0
        func append(_ source: UnsafePointer<CChar>, _ length: Int) -> Place {
            defer { end += length }
            (bytes + end).copyMemory(from: source, byteCount: length)
            return Place(start: end, length: length)
        }
        _ = append(tag, tagLength)
        for index in 0..<columns {
            let column = Int32(index)
            // The simple protocol sends text: eight digits must not be read as a binary bigint.
            let isBinary = PQfformat(result, column) == 1
            let word = words + index * wordsPerColumn
            word[0] = isBinary ? PQftype(result, column) : PostgresType.text.rawValue
            word[1] = PQfname(result, column).map { append($0, strlen($0)).word } ?? 0
            word[2] = null
            if rows > 0, PQgetisnull(result, 0, column) == 0,
                let value = PQgetvalue(result, 0, column)
            {
                word[2] = append(value, Int(PQgetlength(result, 0, column))).word
            }
        }
    }

    /// Only `take` makes one.
    private init() {}

    private var memory: Memory { Memory(unsafeBufferObject: self) }

    var rowCount: Int { Int(memory.header.rowCount) }
    var columnCount: Int { Int(memory.header.columnCount) }
    var memorySize: Int { Int(memory.header.size) }

    /// The number that ends the tags of commands that count rows (PostgreSQL manual, 55.7,
    /// CommandComplete).
    var affectedRows: Int {
        commandTag.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    var commandTag: String { text(memory.header.tag) }

    func columnName(_ column: Int) -> String { text(Place(word: word(1, of: column))) }

    func columnType(_ column: Int) -> PostgresType { PostgresType(rawValue: word(0, of: column)) }

    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let word = word(2, of: column)
        return word == Self.null ? nil : bytes(Place(word: word))
    }

    private func word(_ index: Int, of column: Int) -> UInt32 {
        memory.withUnsafeMutablePointerToElements { $0[column * Self.wordsPerColumn + index] }
    }

    private func bytes(_ place: Place) -> UnsafeRawBufferPointer {
        memory.withUnsafeMutablePointerToElements { words in
            let start = UnsafeRawPointer(words + columnCount * Self.wordsPerColumn)
            return UnsafeRawBufferPointer(
                start: start + Int(place.start),
                count: Int(place.length)
            )
        }
    }

    private func text(_ place: Place) -> String { String(decoding: bytes(place), as: UTF8.self) }
}
