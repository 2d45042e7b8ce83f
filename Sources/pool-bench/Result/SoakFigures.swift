/// What a soak saw besides its operations.
struct SoakFigures: Codable, Equatable, Sendable {
    /// The connections that the drilled pool had, as its servers counted them.
    var serverConnections: ServerConnections
    var memory: Trend
    var descriptors: Trend

    enum CodingKeys: String, CodingKey {
        case memory, descriptors
        case serverConnections = "server_connections"
    }

    struct ServerConnections: Codable, Equatable, Sendable {
        /// The most that one server may ever show.
        var limit: Int
        /// The most that one server showed.
        var peak = 0
        /// How often servers were asked, and answered.
        var samples = 0
        /// The answers that were above the limit.
        var violations = 0
        /// The most that one server showed besides whose other end was closed already: a server
        /// that was frozen serves those for a moment when it wakes.
        var ghosts = 0

        /// The most that watched one server.
        var watchers = 0

        /// One pings, one asks for the role and one for the topology; and each may have been given
        /// up for a new one a moment ago.
        static let maxWatchers = 6

        /// Notes one server's answer.
        mutating func add(_ count: Int, watchers: Int = 0, ghosts: Int = 0) {
            samples += 1
            self.watchers = max(self.watchers, watchers)
            self.ghosts = max(self.ghosts, ghosts)
            peak = max(peak, count)
            let isOver = count > limit || count + watchers > limit + Self.maxWatchers
            if isOver { violations += 1 }
        }
    }
}

/// Whether a figure grows in the long run.
struct Trend: Codable, Equatable, Sendable {
    /// The median of the second quarter of the time; the first is for warming up.
    var early: Double
    /// The median of the last quarter.
    var late: Double
    var peak: Double
    /// Whether the late figure is within the tolerance of the early one.
    var isFlat: Bool

    enum CodingKeys: String, CodingKey {
        case early, late, peak
        case isFlat = "flat"
    }
}

extension Trend {
    /// - Parameters:
    ///   - samples: Taken at equal distances.
    ///   - slack: A growth that means nothing, whatever its share.
    /// - Returns: `nil` for fewer than eight samples.
    init?(_ samples: [Double], slack: Double) {
        guard samples.count >= 8 else { return nil }
        let quarter = samples.count / 4
        guard
            let early = Statistics.median(Array(samples[quarter..<2 * quarter])),
            let late = Statistics.median(Array(samples.suffix(quarter))),
            let peak = samples.max()
        else { return nil }
        self.early = early
        self.late = late
        self.peak = peak
        isFlat = late - early <= max(slack, early / 10)
    }
}
