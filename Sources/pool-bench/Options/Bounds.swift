import ArgumentParser

/// Checks of option values that name the option and its bound when they fail.
enum Bounds {
    static func check(_ option: String, _ value: Int, in range: ClosedRange<Int>) throws {
        guard range.contains(value) else {
            throw ValidationError(
                "\(option) \(value): must be from \(range.lowerBound) to \(range.upperBound)"
            )
        }
    }

    static func check(
        _ option: String,
        _ value: Duration,
        in range: ClosedRange<Duration>
    ) throws {
        guard range.contains(value) else {
            let described = BenchDuration.describe
            throw ValidationError(
                "\(option) \(described(value)): must be from \(described(range.lowerBound))"
                    + " to \(described(range.upperBound))"
            )
        }
    }
}
