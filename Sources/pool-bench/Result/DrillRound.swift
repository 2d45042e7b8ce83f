/// One fault and what followed; times are in milliseconds, and `null` where something never
/// happened or can't be told.
struct DrillRound: Codable, Equatable, Sendable {
    var fault: DrillFault
    /// When the fault began, in seconds of load.
    var began: Double
    /// From the fault until the target took the writer for ill.
    var detected: Double?
    /// From the fault until the new writer said that it isn't in recovery.
    var promoted: Double?
    /// From there to the first row acknowledged.
    var firstWrite: Double?
    /// From the promotion until at least half as much was acknowledged as before the fault.
    var throughputBack: Double?
    /// Whether that happened within the round's limit.
    var recovered: Bool
    /// Operations that failed from the fault to the next one.
    var failedOperations: Int
    /// Those of them with an unknown outcome.
    var unknown: Int
    /// The most operations inside a transaction at once, from the fault until throughput was back.
    var inFlight: Int

    enum CodingKeys: String, CodingKey {
        case fault, recovered, unknown
        case began = "began_s"
        case detected = "detected_ms"
        case promoted = "promoted_ms"
        case firstWrite = "first_write_ms"
        case throughputBack = "throughput_back_ms"
        case failedOperations = "failed_operations"
        case inFlight = "in_flight"
    }

    /// The most outcomes that can be unknown: a writer that restarts while it is promoted may take
    /// one more answer to COMMIT with it from each operation.
    var maxUnknown: Int { fault == .restartPromoted ? 2 * inFlight : inFlight }

    /// Writes all keys, also of what is unknown.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(fault, forKey: .fault)
        try container.encode(began, forKey: .began)
        try container.encode(detected, forKey: .detected)
        try container.encode(promoted, forKey: .promoted)
        try container.encode(firstWrite, forKey: .firstWrite)
        try container.encode(throughputBack, forKey: .throughputBack)
        try container.encode(recovered, forKey: .recovered)
        try container.encode(failedOperations, forKey: .failedOperations)
        try container.encode(unknown, forKey: .unknown)
        try container.encode(inFlight, forKey: .inFlight)
    }
}
