/// Where the writer's endpoint stands.
package enum EndpointState: Hashable, Sendable, CaseIterable {
    /// The writer is known and nothing speaks against it. To `suspect` on a doubt, to `failingOver`
    /// on a proof.
    case healthy
    /// The writer is being asked, callers go on. Back to `healthy` if it confirms itself.
    case suspect
    /// Callers are held while all hosts are asked. To `recovering` when a writer is found.
    case failingOver
    /// Callers are let in, more and more of them. To `healthy` when all are.
    case recovering
}

/// How many callers may hold a connection to the writer.
package enum Admission: Hashable, Sendable {
    /// None: callers wait within their own deadlines.
    case held
    /// So many at a time.
    case limited(Int)
    case open
}

/// Why a search found no writer so far.
package enum NoWriter: Hashable, Sendable {
    /// No host answered.
    case unreachable
    /// Some answered, and all that did are readers.
    case onlyReaders
    /// Some answered as writers and none of them may be used.
    case refused(WriterRefusal)
}

/// What the owner of an endpoint is to do. Performed in order.
package enum EndpointAction: Hashable, Sendable {
    /// Ask the host, on a connection of the probe's own: the open one if there is one, else a new
    /// one. Answer with `probeAnswered` or `probeFailed`.
    case startProbe(HostID, ProbeID, deadline: Instant)
    /// Give the probe up and close its connection, so that the next one connects afresh.
    case cancelProbe(HostID, ProbeID)
    /// Retire every connection of earlier generations; open those of this one to this writer only.
    case setGeneration(UInt64, writer: HostID?)
    case setAdmission(Admission)
    case pollTopology(isFast: Bool)
    /// Call `timerFired` at this instant; replaces what was asked for before.
    case armTimer(Instant)
    case stateChanged(EndpointState)
    /// Every host was asked once and none is a writer. The search goes on; said once a search.
    case noWriter(NoWriter)
}

/// The times and bounds of an endpoint.
package struct EndpointSettings: Sendable {
    /// The longest that one probe may take, connecting included.
    package var probeTimeout = Duration.seconds(1)
    /// The time between two questions to one host while a writer is sought.
    package var probeInterval = Duration.milliseconds(10)
    /// How long that pause holds; then it doubles up to `maxProbeInterval`.
    package var fastPeriod = Duration.seconds(15)
    package var maxProbeInterval = Duration.milliseconds(250)
    /// How long a candidate that cannot prove that it is newer waits for what others say.
    package var settleTime = Duration.milliseconds(100)
    /// How long after it confirmed itself the writer is not asked again.
    package var quietTime = Duration.milliseconds(50)
    /// The number of callers that are let in first; it doubles with each step.
    package var rampStart = 4
    package var rampStep = Duration.milliseconds(50)
    /// From here on everybody is let in.
    package var rampLimit = 512
    /// How far the writer's knowledge may lie behind another's before it is unseated.
    package var unseatMargin = Duration.seconds(3)

    package init() {}
}
