/// A day of the proleptic Gregorian calendar, as the server counts: from 2000-01-01.
///
/// Years are astronomical: 0 is 1 BC. The arithmetic is that of whole eras of 400 years, with years
/// that begin in March, so that the leap day comes last.
struct CivilDate: Hashable {
    var year: Int
    var month: Int
    var day: Int

    private static let daysOfEra = 146_097
    /// From 0000-03-01 to 2000-01-01.
    private static let epoch = 730_425

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSince2000 days: Int) {
        let shifted = days + Self.epoch
        let era = shifted.dividedDown(by: Self.daysOfEra)
        let dayOfEra = shifted - era * Self.daysOfEra
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince2000: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.dividedDown(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * Self.daysOfEra + dayOfEra - Self.epoch
    }

    /// Whether there is such a day. Years are bounded so that nothing overflows.
    var isValid: Bool {
        (-10_000_000...10_000_000).contains(year) && (1...12).contains(month) && day >= 1
            && day <= 31 && CivilDate(daysSince2000: daysSince2000) == self
    }

    /// As the server writes it, without the ` BC` that ``era`` is.
    var text: String {
        "\(padded(year > 0 ? year : 1 - year, to: 4))-\(padded(month))-\(padded(day))"
    }

    /// ` BC` for the years before 1.
    var era: String { year > 0 ? "" : " BC" }
}

/// Hours to microseconds, as the server writes them.
func clockText(microseconds: Int64) -> String {
    let (seconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    let clock =
        "\(padded(Int(seconds / 3600))):\(padded(Int(seconds / 60 % 60))):\(padded(Int(seconds % 60)))"
    guard fraction != 0 else { return clock }
    var digits = Substring(padded(Int(fraction), to: 6))
    while digits.last == "0" { digits.removeLast() }
    return "\(clock).\(digits)"
}

func padded(_ number: Int, to width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension BinaryInteger {
    /// The quotient rounded towards −∞, by a positive divisor.
    func dividedDown(by divisor: Self) -> Self {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
