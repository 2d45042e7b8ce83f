import Histogram

/// Percentiles in milliseconds.
struct LatencySummary: Codable, Equatable, Sendable {
    var p50 = 0.0
    var p95 = 0.0
    var p99 = 0.0
    var p999 = 0.0
    var max = 0.0

    /// Reads the percentiles from nanoseconds.
    init(_ histogram: Histogram<UInt64>) {
        func at(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1e6
        }
        p50 = at(50)
        p95 = at(95)
        p99 = at(99)
        p999 = at(99.9)
        max = at(100)
    }
}

/// How many operations took how long: enough to draw any percentile, and to add results up.
struct LatencyDistribution: Codable, Equatable, Sendable {
    var unit = "ms"
    /// One operation in this many was timed.
    var sampledEvery: Int
    /// Pairs of an upper bound and the number of operations that took at most that, and more than
    /// the bound before; in ascending order.
    var buckets: [Bucket]

    enum CodingKeys: String, CodingKey {
        case unit, buckets
        case sampledEvery = "sampled_every"
    }

    /// Bounds are kept to two significant digits, which no eye tells from the exact plot.
    init(_ histogram: Histogram<UInt64>, sampledEvery: Int) {
        self.sampledEvery = sampledEvery
        var coarse = Histogram<UInt64>(
            highestTrackableValue: LatencyLedger.longest,
            numberOfSignificantValueDigits: .two
        )
        for step in histogram.recordedValues() { coarse.record(step.value, count: step.count) }
        buckets = coarse.recordedValues().map { step in
            Bucket(upTo: Double(min(step.value, histogram.maxRecorded)) / 1e6, count: step.count)
        }
    }

    var count: UInt64 { buckets.reduce(0) { $0 + $1.count } }

    /// The share of operations, 0 to 1, that took at most each bucket's bound.
    var cumulative: [(share: Double, milliseconds: Double)] {
        let total = Double(count)
        var sum: UInt64 = 0
        return buckets.map { bucket in
            sum += bucket.count
            return (Double(sum) / total, bucket.upTo)
        }
    }

    /// Written as an array of two numbers.
    struct Bucket: Codable, Equatable, Sendable {
        var upTo: Double
        var count: UInt64

        init(upTo: Double, count: UInt64) {
            self.upTo = upTo
            self.count = count
        }

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            upTo = try container.decode(Double.self)
            count = try container.decode(UInt64.self)
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            try container.encode(upTo)
            try container.encode(count)
        }
    }
}
