#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A statement and its parameters.
///
/// Interpolated values are bound, never spliced into the text:
///
/// ```swift
/// let name = "Robert'); DROP TABLE students;--"
/// let query: Query = "SELECT id FROM students WHERE name = \(name)"
/// // sql: SELECT id FROM students WHERE name = $1
/// ```
public struct Query: Sendable, ExpressibleByStringInterpolation {
    /// The text with `$1`, `$2`, … for the parameters.
    ///
    /// PostgreSQL knows no zero character, and libpq would end the statement there: each becomes
    /// U+FFFD, so that nothing behind it is cut off and no name turns into another one.
    public var sql: String {
        didSet { sql = sql.replacingZeros() }
    }
    /// The parameters' values, in order.
    public var parameters: Parameters
    /// How it goes to the server. Default: as the pool's configuration says.
    public var statementMode: StatementMode?

    /// A statement without parameters, or with values for the `$n` that the text names.
    public init(_ sql: String, parameters: Parameters = Parameters()) {
        self.sql = sql.replacingZeros()
        self.parameters = parameters
    }

    /// A statement without parameters.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// A statement whose interpolated values are its parameters.
    public init(stringInterpolation: StringInterpolation) {
        self.init(stringInterpolation.sql, parameters: stringInterpolation.parameters)
    }

    /// Collects the text and the values of an interpolated statement.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var sql: String
        var parameters = Parameters()

        /// Makes room for the text.
        public init(literalCapacity: Int, interpolationCount: Int) {
            sql = ""
            sql.reserveCapacity(literalCapacity + 3 * interpolationCount)
        }

        /// Adds text.
        public mutating func appendLiteral(_ literal: String) {
            sql += literal
        }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some PostgresEncodable) {
            parameters.append(value)
            appendPlaceholder()
        }

        /// Binds a value or NULL.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            parameters.append(value)
            appendPlaceholder()
        }

        private mutating func appendPlaceholder() {
            sql += "$"
            sql += String(parameters.count)
        }

        /// Adds a quoted identifier (PostgreSQL manual, 4.1.1): for the names of tables and columns.
        ///
        /// A name is one part, dots and all. Qualified names are given in parts:
        /// `\(identifier: "sales", "orders")` is `"sales"."orders"`. A zero character, which no name
        /// can have, becomes U+FFFD. An empty name is an error of the server's (42601).
        public mutating func appendInterpolation(identifier first: String, _ others: String...) {
            sql += Self.quoted(first)
            for part in others {
                sql += "."
                sql += Self.quoted(part)
            }
        }

        private static func quoted(_ name: String) -> String {
            // Byte by byte: "\"" before a combining mark is no character of its own.
            var text: [UInt8] = [UInt8(ascii: "\"")]
            for byte in name.utf8 {
                if byte == UInt8(ascii: "\"") { text.append(byte) }
                text.append(byte)
            }
            text.append(UInt8(ascii: "\""))
            return String(decoding: text, as: UTF8.self)
        }

        /// Splices text as it is. Whoever lets a user's input in here lets the user run anything.
        public mutating func appendInterpolation(unescaped text: String) {
            sql += text
        }
    }
}

extension String {
    fileprivate func replacingZeros() -> String {
        // In the bytes themselves: each statement comes by here.
        let hasZero = utf8.withContiguousStorageIfAvailable { bytes in
            bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
        }
        guard hasZero ?? utf8.contains(0) else { return self }
        var scalars = UnicodeScalarView()
        for scalar in unicodeScalars { scalars.append(scalar.value == 0 ? "\u{FFFD}" : scalar) }
        return String(scalars)
    }
}

/// Encoded parameter values, in one buffer.
public struct Parameters: Sendable {
    struct Value: Sendable {
        var type: PostgresType
        /// Where its bytes end in the buffer; they begin where the previous one's end.
        var end: Int
        var isNull: Bool
        var isBinary: Bool
    }

    private(set) var values: [Value] = []
    private(set) var bytes: [UInt8] = []

    /// No parameters.
    public init() {}

    /// How many there are.
    public var count: Int { values.count }

    /// Adds a value.
    public mutating func append<Encoded: PostgresEncodable>(_ value: Encoded) {
        let start = bytes.count
        value.encode(into: &bytes)
        var type = value.parameterType
        var isBinary = Encoded.isBinary
        if !isBinary {
            if bytes.withUnsafeBufferPointer({ $0[start...].contains(0) }) {
                // libpq reads text up to a zero byte. As a binary text it arrives whole, and the
                // server says what is wrong with it (22021) instead of storing half of it.
                type = .text
                isBinary = true
            } else {
                bytes.append(0)
            }
        }
        add(Value(type: type, end: bytes.count, isNull: false, isBinary: isBinary))
    }

    /// Adds a value or NULL.
    public mutating func append<Encoded: PostgresEncodable>(_ value: Encoded?) {
        if let value {
            append(value)
        } else {
            add(
                Value(
                    type: Encoded.postgresType,
                    end: bytes.count,
                    isNull: true,
                    isBinary: Encoded.isBinary
                )
            )
        }
    }

    /// The first is most often the only one: a list made with it costs less than one that grows.
    private mutating func add(_ value: Value) {
        if values.isEmpty {
            values = [value]
        } else {
            values.append(value)
        }
    }
}
