extension Range: PostgresEncodable where Bound: PostgresCodable {
    /// The range type over the bounds' type.
    public static var postgresType: PostgresType { PostgresRange<Bound>.postgresType }
    /// Appends a range that includes its lower and excludes its upper bound.
    public func encode(into bytes: inout [UInt8]) { PostgresRange(self).encode(into: &bytes) }
}

extension Range: PostgresColumn, PostgresDecodable where Bound: PostgresCodable {
    /// Reads a range that includes its lower and excludes its upper bound, as those over whole
    /// numbers and days do. Others, the empty one too, are out of range: ``PostgresRange`` has them.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard
            case .bounds(.included(let lower), .excluded(let upper)) =
                try PostgresRange<Bound>(postgresBytes: bytes, type: type),
            lower <= upper
        else { throw PostgresDecodingError.Reason.outOfRange }
        self = lower..<upper
    }
}

extension ClosedRange: PostgresEncodable where Bound: PostgresCodable {
    /// The range type over the bounds' type.
    public static var postgresType: PostgresType { PostgresRange<Bound>.postgresType }
    /// Appends a range that includes both bounds.
    public func encode(into bytes: inout [UInt8]) { PostgresRange(self).encode(into: &bytes) }
}
