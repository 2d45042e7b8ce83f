/// The formats of COPY (PostgreSQL manual, COPY, "File Formats").
public enum CopyFormat {
    /// A row of the text format: tabs between fields, `\N` for NULL.
    public static func textRow(_ fields: [String?]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(9) }
            guard let field else {
                bytes.append(contentsOf: "\\N".utf8)
                continue
            }
            for byte in field.utf8 {
                switch byte {
                case 9: bytes.append(contentsOf: "\\t".utf8)
                case 10: bytes.append(contentsOf: "\\n".utf8)
                case 13: bytes.append(contentsOf: "\\r".utf8)
                case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
                default: bytes.append(byte)
                }
            }
        }
        bytes.append(10)
        return bytes
    }

    /// A row of the CSV format with the default delimiter, quote and NULL: every field is quoted,
    /// NULL is empty.
    public static func csvRow(_ fields: [String?]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            guard let field else { continue }
            bytes.append(UInt8(ascii: "\""))
            for byte in field.utf8 {
                if byte == UInt8(ascii: "\"") { bytes.append(byte) }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(10)
        return bytes
    }

    /// What the binary format begins with.
    public static let binaryHeader =
        Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)

    /// What the binary format ends with.
    public static let binaryEnd: [UInt8] = [0xFF, 0xFF]

    /// A row of the binary format; `nil` is NULL.
    public static func binaryRow<each Value: PostgresEncodable>(
        _ values: repeat (each Value)?
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        var count: Int16 = 0
        for _ in repeat each values { count += 1 }
        count.appendBigEndian(to: &bytes)
        for value in repeat each values {
            if let value {
                appendField(to: &bytes) { value.encode(into: &$0) }
            } else {
                Int32(-1).appendBigEndian(to: &bytes)
            }
        }
        return bytes
    }

    /// Reads a row of the text format, without its line feed; NULL is `nil`.
    ///
    /// Only the escapes that the server itself writes are known, as of `COPY TO`.
    public static func textFields(_ line: some Sequence<UInt8>) -> [String?] {
        var fields: [String?] = []
        var field: [UInt8] = []
        var isEscaped = false
        var isNull = false
        func close() {
            fields.append(isNull && field.isEmpty ? nil : String(decoding: field, as: UTF8.self))
            field = []
            isNull = false
        }
        for byte in line {
            if isEscaped {
                isEscaped = false
                switch byte {
                case UInt8(ascii: "N"): isNull = true
                case UInt8(ascii: "b"): field.append(8)
                case UInt8(ascii: "t"): field.append(9)
                case UInt8(ascii: "n"): field.append(10)
                case UInt8(ascii: "v"): field.append(11)
                case UInt8(ascii: "f"): field.append(12)
                case UInt8(ascii: "r"): field.append(13)
                default: field.append(byte)
                }
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == 9 {
                close()
            } else {
                field.append(byte)
            }
        }
        close()
        return fields
    }

    /// Reads the rows of a piece that ``PostgresConnection`` copied out in the binary format.
    ///
    /// - Parameters:
    ///   - chunk: whole rows, with or without the header and the end.
    ///   - types: the columns' types, which the format doesn't tell.
    /// - Throws: ``PostgresDecodingError/Reason`` `malformed`.
    public static func binaryRows(_ chunk: [UInt8], types: [PostgresType]) throws -> [Row] {
        let columns = RowColumns(names: types.indices.map { String($0) }, types: types)
        let batch = RowBatch(columns, firstRow: 0)
        try chunk.withUnsafeBytes { buffer in
            var reader = WireReader(buffer)
            if buffer.starts(with: binaryHeader.prefix(11)) {
                _ = try reader.take(15)
                _ = try reader.take(Int(reader.read(Int32.self)))
            }
            while !reader.rest.isEmpty {
                let count = try reader.read(Int16.self)
                if count == -1 { return try reader.end() }
                guard Int(count) == types.count else {
                    throw PostgresDecodingError.Reason.malformed
                }
                for _ in types { batch.append(try reader.takeField()) }
                batch.endRow()
            }
        }
        return (0..<batch.rowCount).map { Row(storage: batch, index: $0) }
    }
}
