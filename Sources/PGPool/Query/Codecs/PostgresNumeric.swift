/// A `numeric` of any size, exactly as the server has it, with NaN and the infinities.
///
/// `Decimal` holds 38 digits and no infinity; this holds what the server does: 131,072 digits
/// before the point and 16,383 after it (PostgreSQL manual, 8.1.2). Values compare as the server
/// compares them: 1.0 equals 1.00, NaN equals itself and is above everything.
public struct PostgresNumeric: Sendable, PostgresCodable {
    enum Kind: UInt16 {
        case positive = 0x0000
        case negative = 0x4000
        case nan = 0xC000
        case infinity = 0xD000
        case negativeInfinity = 0xF000
    }

    let kind: Kind
    /// Base 10,000, the most significant first, without zeros at either end; empty for zero.
    let digits: [UInt16]
    /// The first digit counts 10,000 to the power of this.
    let weight: Int
    /// How many decimal digits are shown behind the point.
    public let scale: Int

    /// Not a number.
    public static let nan = PostgresNumeric(special: .nan)
    /// Positive infinity (PostgreSQL 14 and later).
    public static let infinity = PostgresNumeric(special: .infinity)
    /// Negative infinity (PostgreSQL 14 and later).
    public static let negativeInfinity = PostgresNumeric(special: .negativeInfinity)

    private init(special: Kind) {
        kind = special
        digits = []
        weight = 0
        scale = 0
    }

    /// Strips zeros, which change nothing but would make equal values look different.
    init(isNegative: Bool, digits: [UInt16], weight: Int, scale: Int) {
        let leading = digits.prefix { $0 == 0 }.count
        let end = (digits.lastIndex { $0 != 0 } ?? -1) + 1
        self.digits =
            leading == 0 && end == digits.count ? digits : Array(digits[min(leading, end)..<end])
        self.weight = end == 0 ? 0 : weight - leading
        self.scale = scale
        kind = isNegative && end > 0 ? .negative : .positive
    }

    /// An integer.
    public init(_ value: some FixedWidthInteger) {
        guard let magnitude = UInt128(exactly: value.magnitude) else {
            // Wider than any of the standard library's: its digits tell.
            self = PostgresNumeric(String(value)) ?? .nan
            return
        }
        var rest = magnitude
        var reversed: [UInt16] = []
        while rest > 0 {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10_000)
            reversed.append(UInt16(truncatingIfNeeded: digit))
            rest = quotient
        }
        self.init(
            isNegative: value < 0,
            digits: reversed.reversed(),
            weight: reversed.count - 1,
            scale: 0
        )
    }

    /// Whether it is not a number.
    public var isNaN: Bool { kind == .nan }
    /// Whether it is neither infinite nor NaN.
    public var isFinite: Bool { kind == .positive || kind == .negative }

    /// The integer that it is; `nil` when it has a fraction, is not finite, or does not fit.
    public func integer<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) -> Integer? {
        guard isFinite, digits.count <= weight + 1 || digits.isEmpty else { return nil }
        var value: Int128 = 0
        for position in 0..<(digits.isEmpty ? 0 : weight + 1) {
            let (product, overflows) = value.multipliedReportingOverflow(by: 10_000)
            let digit = position < digits.count ? Int128(digits[position]) : 0
            let (sum, overflowsToo) = product.subtractingReportingOverflow(digit)
            guard !overflows, !overflowsToo else { return nil }
            value = sum
        }
        // Summed up below zero, where there is room for one more than above.
        if kind == .negative { return Integer(exactly: value) }
        let (positive, overflows) = Int128(0).subtractingReportingOverflow(value)
        return overflows ? nil : Integer(exactly: positive)
    }

    // MARK: - The wire

    /// `numeric`.
    public static var postgresType: PostgresType { .numeric }

    /// Appends the digits (`numeric_send` in `src/backend/utils/adt/numeric.c`).
    public func encode(into bytes: inout [UInt8]) {
        UInt16(digits.count).appendBigEndian(to: &bytes)
        Int16(truncatingIfNeeded: weight).appendBigEndian(to: &bytes)
        kind.rawValue.appendBigEndian(to: &bytes)
        UInt16(scale).appendBigEndian(to: &bytes)
        for digit in digits { digit.appendBigEndian(to: &bytes) }
    }

    /// Reads `numeric` and the integers.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        switch type {
        case .numeric: try self.init(wire: WireReader(bytes))
        case .int2, .int4, .int8, .oid: self.init(try Int64(integer: bytes, type: type))
        default: throw PostgresDecodingError.Reason.typeMismatch
        }
    }

    private init(wire: WireReader) throws {
        var reader = wire
        let count = Int(try reader.read(UInt16.self))
        let weight = Int(try reader.read(Int16.self))
        let kind = Kind(rawValue: try reader.read())
        let scale = Int(try reader.read(UInt16.self))
        guard let kind, scale <= Self.maximumScale, reader.rest.count == 2 * count else {
            throw PostgresDecodingError.Reason.malformed
        }
        guard kind == .positive || kind == .negative else {
            self.init(special: kind)
            return
        }
        var isValid = true
        let rest = reader.rest
        let digits = [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<count {
                let digit = UInt16(
                    bigEndian: rest.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                )
                if digit >= 10_000 { isValid = false }
                buffer.initializeElement(at: index, to: digit)
            }
            initialized = count
        }
        guard isValid else { throw PostgresDecodingError.Reason.malformed }
        self.init(isNegative: kind == .negative, digits: digits, weight: weight, scale: scale)
    }

    /// Most digits behind the point.
    static let maximumScale = 16_383
    /// Most digits before the point.
    static let maximumIntegerDigits = 131_072
}

extension PostgresNumeric: Hashable, Comparable {
    /// Whether they are the same number; NaN equals NaN.
    public static func == (left: Self, right: Self) -> Bool {
        left.kind == right.kind && left.weight == right.weight && left.digits == right.digits
    }

    /// Hashes the number, not how many digits are shown.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(weight)
        hasher.combine(digits)
    }

    /// The server's order: −∞, numbers, ∞, NaN.
    public static func < (left: Self, right: Self) -> Bool {
        guard left.rank == right.rank else { return left.rank < right.rank }
        switch left.rank {
        case -1: return magnitudeIsLess(right, left)
        case 1: return magnitudeIsLess(left, right)
        default: return false
        }
    }

    private var rank: Int {
        switch kind {
        case .negativeInfinity: -2
        case .negative: -1
        case .positive: digits.isEmpty ? 0 : 1
        case .infinity: 2
        case .nan: 3
        }
    }

    private static func magnitudeIsLess(_ left: Self, _ right: Self) -> Bool {
        guard left.weight == right.weight else { return left.weight < right.weight }
        return left.digits.lexicographicallyPrecedes(right.digits)
    }
}
