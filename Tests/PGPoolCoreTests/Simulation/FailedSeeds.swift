/// Every seed that ever failed, with the step in which it was found; they run first.
enum FailedSeeds {
    static let all: [UInt64] = [1]
}
