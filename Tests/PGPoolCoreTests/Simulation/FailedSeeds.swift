/// Every seed that ever failed; they run first.
///
/// A change of the simulation's draws gives old seeds other lives, so what they found is also kept
/// as a unit test each.
enum FailedSeeds {
    static let all: [UInt64] = [1, 3, 7, 13, 41, 108, 142, 565, 695, 1065, 1230, 1751]
}
