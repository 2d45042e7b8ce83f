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
    public var sql: String
    /// The parameters' values, in order.
    public var parameters: Parameters

    /// A statement without parameters, or with values for the `$n` that the text names.
    public init(_ sql: String, parameters: Parameters = Parameters()) {
        self.sql = sql
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
            sql += "$\(parameters.count)"
        }

        /// Binds a value or NULL.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            parameters.append(value)
            sql += "$\(parameters.count)"
        }

        /// Adds a quoted identifier (PostgreSQL manual, 4.1.1): for the names of tables and columns.
        public mutating func appendInterpolation(identifier: String) {
            sql += "\"\(identifier.replacing("\"", with: "\"\""))\""
        }

        /// Splices text as it is. Whoever lets a user's input in here lets the user run anything.
        public mutating func appendInterpolation(unescaped text: String) {
            sql += text
        }
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
        value.encode(into: &bytes)
        // libpq reads text parameters up to a zero byte, and ignores their length.
        if !Encoded.isBinary { bytes.append(0) }
        values.append(
            Value(
                type: Encoded.postgresType,
                end: bytes.count,
                isNull: false,
                isBinary: Encoded.isBinary
            )
        )
    }

    /// Adds a value or NULL.
    public mutating func append<Encoded: PostgresEncodable>(_ value: Encoded?) {
        if let value {
            append(value)
        } else {
            values.append(
                Value(
                    type: Encoded.postgresType,
                    end: bytes.count,
                    isNull: true,
                    isBinary: Encoded.isBinary
                )
            )
        }
    }
}
