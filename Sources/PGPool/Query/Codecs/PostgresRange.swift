/// A range of the server's (PostgreSQL manual, 8.17): empty, or between bounds that may each be
/// included, excluded or missing.
///
/// The server writes ranges over whole numbers and days with an included lower and an excluded
/// upper bound, whatever they were given as.
public enum PostgresRange<Value: PostgresCodable>: PostgresCodable {
    /// Contains nothing.
    case empty
    /// Contains what is between the bounds.
    case bounds(lower: Bound, upper: Bound)

    /// One end.
    public enum Bound: Sendable {
        /// The value belongs to the range.
        case included(Value)
        /// The value does not belong to the range.
        case excluded(Value)
        /// There is no end on this side.
        case unbounded

        /// The value; `nil` for an unbounded end.
        public var value: Value? {
            switch self {
            case .included(let value), .excluded(let value): value
            case .unbounded: nil
            }
        }
    }

    /// A half-open range.
    public init(_ range: Range<Value>) where Value: Comparable {
        self = .bounds(lower: .included(range.lowerBound), upper: .excluded(range.upperBound))
    }

    /// A closed range.
    public init(_ range: ClosedRange<Value>) where Value: Comparable {
        self = .bounds(lower: .included(range.lowerBound), upper: .included(range.upperBound))
    }

    /// The built-in range type over the values' type; for others the server infers it.
    public static var postgresType: PostgresType { Value.postgresType.range }

    /// Appends the bounds (`range_send` in `src/backend/utils/adt/rangetypes.c`).
    public func encode(into bytes: inout [UInt8]) {
        guard case .bounds(let lower, let upper) = self else {
            bytes.append(RangeFlags.empty)
            return
        }
        var flags: UInt8 = 0
        switch lower {
        case .included: flags |= RangeFlags.lowerIncluded
        case .excluded: break
        case .unbounded: flags |= RangeFlags.lowerUnbounded
        }
        switch upper {
        case .included: flags |= RangeFlags.upperIncluded
        case .excluded: break
        case .unbounded: flags |= RangeFlags.upperUnbounded
        }
        bytes.append(flags)
        for bound in [lower, upper] {
            if let value = bound.value { appendField(to: &bytes) { value.encode(into: &$0) } }
        }
    }

    /// Reads a range over what the value type reads.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard let declared = type.rangeBound else {
            throw PostgresDecodingError.Reason.typeMismatch
        }
        // Somebody's own range type does not say what it is over: the value's own type is assumed.
        let valueType = declared == .unspecified ? Value.rangeBoundType : declared
        var reader = WireReader(bytes)
        let flags = try reader.read(UInt8.self)
        guard flags & ~RangeFlags.all == 0 else { throw PostgresDecodingError.Reason.malformed }
        if flags & RangeFlags.empty != 0 {
            try reader.end()
            self = .empty
            return
        }
        func bound(_ unbounded: UInt8, _ included: UInt8) throws -> Bound {
            if flags & unbounded != 0 { return .unbounded }
            guard let field = try reader.takeField() else {
                throw PostgresDecodingError.Reason.malformed
            }
            let value = try Value(postgresBytes: field, type: valueType)
            return flags & included != 0 ? .included(value) : .excluded(value)
        }
        let lower = try bound(RangeFlags.lowerUnbounded, RangeFlags.lowerIncluded)
        let upper = try bound(RangeFlags.upperUnbounded, RangeFlags.upperIncluded)
        try reader.end()
        self = .bounds(lower: lower, upper: upper)
    }
}

/// `RANGE_…` in `src/include/utils/rangetypes.h`.
private enum RangeFlags {
    static let empty: UInt8 = 0x01
    static let lowerIncluded: UInt8 = 0x02
    static let upperIncluded: UInt8 = 0x04
    static let lowerUnbounded: UInt8 = 0x08
    static let upperUnbounded: UInt8 = 0x10
    static let all: UInt8 = 0x1F
}

extension PostgresEncodable {
    /// What a bound of this Swift type is in a range type that somebody created.
    static var rangeBoundType: PostgresType {
        isBinary || postgresType != .unspecified ? postgresType : .text
    }
}

extension PostgresRange.Bound: Equatable where Value: Equatable {}
extension PostgresRange.Bound: Hashable where Value: Hashable {}
extension PostgresRange: Equatable where Value: Equatable {}
extension PostgresRange: Hashable where Value: Hashable {}

/// Several ranges in one value (PostgreSQL 14 and later), in order and apart from each other as the
/// server has them.
public struct PostgresMultirange<Value: PostgresCodable>: PostgresCodable {
    /// The ranges.
    public var ranges: [PostgresRange<Value>]

    /// A multirange of ranges; the server sorts and joins them.
    public init(_ ranges: [PostgresRange<Value>]) {
        self.ranges = ranges
    }

    /// The built-in multirange type over the values' type; for others the server infers it.
    public static var postgresType: PostgresType { Value.postgresType.multirange }

    /// Appends the ranges.
    public func encode(into bytes: inout [UInt8]) {
        Int32(truncatingIfNeeded: ranges.count).appendBigEndian(to: &bytes)
        for range in ranges { appendField(to: &bytes) { range.encode(into: &$0) } }
    }

    /// Reads a multirange over what the value type reads.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type.rangeBound != nil else { throw PostgresDecodingError.Reason.typeMismatch }
        var reader = WireReader(bytes)
        var ranges: [PostgresRange<Value>] = []
        for _ in 0..<(try reader.readCount(ofAtLeast: 5)) {
            guard let field = try reader.takeField() else {
                throw PostgresDecodingError.Reason.malformed
            }
            ranges.append(try PostgresRange(postgresBytes: field, type: type))
        }
        try reader.end()
        self.ranges = ranges
    }
}

extension PostgresMultirange: Equatable where Value: Equatable {}
extension PostgresMultirange: Hashable where Value: Hashable {}
