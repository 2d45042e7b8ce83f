/// Draws the statements' parameters: a linear congruence, cheap and repeatable for a seed.
struct ParameterGenerator {
    private var state: UInt64

    init(seed: UInt64, worker: Int) {
        state = (seed &+ UInt64(worker)) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    }

    @inline(__always)
    mutating func next() -> Int32 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let range = Workload.parameters
        let count = UInt64(range.upperBound - range.lowerBound) + 1
        return range.lowerBound + Int32(truncatingIfNeeded: (state >> 33) % count)
    }
}
