#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

extension PostgresNumeric {
    /// The same number; NaN becomes NaN.
    public init(_ value: Decimal) {
        // The description is exact and knows no locale.
        self = value.isNaN ? .nan : PostgresNumeric(value.description) ?? .nan
    }

    /// The same number as a `Decimal`; `nil` when that cannot hold all of its digits, or when it is
    /// infinite.
    public var decimal: Decimal? {
        guard isFinite else { return isNaN ? .nan : nil }
        guard let last = digits.last else { return 0 }
        // Zeros at the end of the last group take no room in a mantissa.
        var power = 10_000
        var end = Int(last)
        var exponent = 4 * (weight + 1 - digits.count)
        while end % 10 == 0 {
            end /= 10
            power /= 10
            exponent += 1
        }
        var mantissa: UInt128 = 0
        for digit in digits.dropLast() {
            let (product, overflows) = mantissa.multipliedReportingOverflow(by: 10_000)
            guard !overflows else { return nil }
            mantissa = product + UInt128(digit)
            guard mantissa <= Self.largestMantissa else { return nil }
        }
        let (product, overflows) = mantissa.multipliedReportingOverflow(by: UInt128(power))
        guard !overflows, product <= Self.largestMantissa - UInt128(end),
            (-127...127).contains(exponent)
        else { return nil }
        return Self.decimal(product + UInt128(end), exponent, isNegative: kind == .negative)
    }

    /// 38 nines: every number of 38 digits is exact in a `Decimal`.
    private static let largestMantissa: UInt128 = {
        (0..<38).reduce(0) { nines, _ in 10 * nines + 9 }
    }()

    private static func decimal(
        _ mantissa: UInt128,
        _ exponent: Int,
        isNegative: Bool
    ) -> Decimal {
        let sign: FloatingPointSign = isNegative ? .minus : .plus
        let billions: UInt64 = 10_000_000_000_000_000_000
        let (high, low) = mantissa.quotientAndRemainder(dividingBy: UInt128(billions))
        var significand = Decimal(UInt64(truncatingIfNeeded: low))
        if high > 0 {
            significand += Decimal(UInt64(truncatingIfNeeded: high)) * Decimal(billions)
        }
        return Decimal(sign: sign, exponent: exponent, significand: significand)
    }
}

extension Decimal: PostgresCodable {
    /// `numeric`.
    public static var postgresType: PostgresType { .numeric }
    /// Appends the digits, all of them.
    public func encode(into bytes: inout [UInt8]) { PostgresNumeric(self).encode(into: &bytes) }
    /// Reads `numeric` and the integers. Infinity, and more than 38 digits, are out of range:
    /// ``PostgresNumeric`` has them.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard let value = try PostgresNumeric(postgresBytes: bytes, type: type).decimal else {
            throw PostgresDecodingError.Reason.outOfRange
        }
        self = value
    }
}
