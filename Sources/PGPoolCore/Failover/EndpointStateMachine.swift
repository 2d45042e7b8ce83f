/// Decides who the writer is, when callers are held and let in again, and which host is asked when.
///
/// A value: events go in as calls that carry the time, actions come out at the end of a buffer. What
/// always holds (`EndpointSimulationTests` checks it after each event):
/// - a generation has at most one writer, and generations only grow;
/// - no host is taken for the writer that was the writer before the present one, unless it shows that
///   it was promoted again (a greater timeline, newer knowledge, or an answer as a reader since);
/// - a writer that says it is none loses its generation with that answer;
/// - a host has at most one probe under way, each probe has a deadline, and while a writer is sought
///   every host is asked again after each answer, failure or deadline;
/// - callers are held only while a writer is sought.
package struct EndpointStateMachine: Sendable {
    package typealias Actions = [EndpointAction]

    /// Nanoseconds: a `Duration` divides 128 bits.
    struct Times: Sendable {
        let probeTimeout, probeInterval, maxProbeInterval, fastPeriod: Int64
        let settle, quiet, rampStep, unseatMicroseconds: Int64

        init(_ settings: EndpointSettings) {
            func bounded(_ duration: Duration) -> Int64 {
                min(max(duration.wholeNanoseconds, 0), .max / 4)
            }
            probeTimeout = max(1, bounded(settings.probeTimeout))
            probeInterval = max(1, bounded(settings.probeInterval))
            maxProbeInterval = max(probeInterval, bounded(settings.maxProbeInterval))
            fastPeriod = bounded(settings.fastPeriod)
            settle = bounded(settings.settleTime)
            quiet = bounded(settings.quietTime)
            rampStep = max(1, bounded(settings.rampStep))
            unseatMicroseconds = bounded(settings.unseatMargin) / 1_000
        }
    }

    /// What is known of one host.
    struct Host: Sendable {
        let id: HostID
        /// The probe under way and its deadline.
        var flight: (id: ProbeID, deadline: Int64)?
        var nextProbeAt: Int64?
        /// Its answer in the present search.
        var report: NodeReport?
        /// It answered or failed in the present search.
        var isHeard = false
    }

    /// A host that was the writer and was replaced.
    struct Superseded: Sendable {
        let host: HostID
        /// Answers to earlier probes do not show what it became since.
        let since: ProbeID
    }

    package let settings: EndpointSettings
    let times: Times
    package internal(set) var state = EndpointState.failingOver
    package internal(set) var generation: UInt64 = 0
    /// The writer of this generation; `nil` while there is none.
    package internal(set) var writer: HostID?
    package internal(set) var admission = Admission.held
    /// The greatest timeline of a writer that was taken; a smaller one is stale.
    package internal(set) var highestTimeline: UInt32?
    package internal(set) var systemIdentifier: UInt64?

    var hosts: [Host] = []
    /// Who was last taken for the writer, also while nobody is, and what it last knew.
    var lastWriter: HostID?
    var lastStamp: Int64?
    var superseded: [Superseded] = []
    var serial: UInt64 = 0
    var generator: SeededGenerator
    /// When the present search began.
    var searchSince: Int64 = 0
    var settleAt: Int64?
    var rampAt: Int64?
    /// When a doubt that came too soon after the last answer is looked into.
    var doubtAt: Int64?
    var quietUntil: Int64 = .min
    var hasReportedNoWriter = false
    /// The writer that the topology last named against ours: asked about once.
    var doubtedWriter: HostID?
    var armedAt: Int64?

    package init(hosts: [HostID], settings: EndpointSettings = EndpointSettings(), seed: UInt64) {
        self.settings = settings
        times = Times(settings)
        generator = SeededGenerator(seed: seed)
        self.hosts = hosts.map { Host(id: $0) }
    }

    /// The hosts that are asked.
    package var knownHosts: [HostID] { hosts.map(\.id) }

    /// Begins the search for the first writer.
    package mutating func start(at now: Instant, into actions: inout Actions) {
        actions.append(.setAdmission(.held))
        actions.append(.pollTopology(isFast: true))
        actions.append(.stateChanged(.failingOver))
        beginSearch(at: now.nanoseconds, into: &actions)
        arm(into: &actions)
    }

    /// A connection to this host is open already and is what the endpoint is to be: there is nothing
    /// to seek.
    package mutating func adopt(_ host: HostID, at now: Instant, into actions: inout Actions) {
        guard writer == nil, hosts.contains(where: { $0.id == host }) else { return }
        writer = host
        lastWriter = host
        quietUntil = now.nanoseconds + times.quiet
        admission = .open
        enter(.healthy, into: &actions)
    }

    /// A statement or a dial failed. Only what befell a connection of the present generation counts:
    /// the errors of the old writer's connections must not bring down the new one.
    package mutating func failureReported(
        _ verdict: FailureVerdict,
        generation reported: UInt64,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard reported == generation, state != .failingOver || verdict.endpoint == .demoted,
            writer != nil
        else { return }
        switch verdict.endpoint {
        case .fine, .busy:
            break
        case .suspect, .maybeDemoted:
            if verdict.connection == .evict { bump(to: writer, into: &actions) }
            doubt(at: now.nanoseconds, into: &actions)
        case .demoted:
            bump(to: nil, into: &actions)
            failOver(at: now.nanoseconds, into: &actions)
        case .failingOver:
            failOver(at: now.nanoseconds, into: &actions)
        }
        arm(into: &actions)
    }

    /// The host monitor has no answer from the host: what is under way there is lost.
    package mutating func hostHung(
        _ host: HostID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard host == writer else { return }
        bump(to: nil, into: &actions)
        failOver(at: now.nanoseconds, into: &actions)
        arm(into: &actions)
    }

    /// The topology changed: these hosts are to be asked, and `named` is said to be the writer.
    package mutating func topologyChanged(
        hosts listed: [HostID],
        named: HostID?,
        at now: Instant,
        into actions: inout Actions
    ) {
        if !listed.isEmpty { replaceHosts(listed, at: now.nanoseconds, into: &actions) }
        if let named, named != writer, named != doubtedWriter, writer != nil {
            doubtedWriter = named
            doubt(at: now.nanoseconds, into: &actions)
        } else if named == writer {
            doubtedWriter = nil
        }
        arm(into: &actions)
    }

    package mutating func probeAnswered(
        _ probe: ProbeID,
        by id: HostID,
        _ report: NodeReport,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard let index = land(probe, on: id, at: now.nanoseconds) else { return }
        hosts[index].report = report
        if !mayWrite(report, id) { forgiveSuperseded(id, since: probe) }
        consider(index, report, at: now.nanoseconds, into: &actions)
        arm(into: &actions)
    }

    /// Somebody else (the topology monitor) asked the host during this generation and it is a reader:
    /// should it be a writer later, it was promoted.
    package mutating func hostSeenAsReader(_ host: HostID, generation asked: UInt64) {
        guard asked == generation else { return }
        superseded.removeAll { $0.host == host }
    }

    package mutating func probeFailed(
        _ probe: ProbeID,
        on id: HostID,
        _ failure: ProbeFailure,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard let index = land(probe, on: id, at: now.nanoseconds) else { return }
        noteFailure(index, failure, at: now.nanoseconds, into: &actions)
        arm(into: &actions)
    }

    /// The instant that was asked for with `armTimer` has come.
    package mutating func timerFired(at now: Instant, into actions: inout Actions) {
        armedAt = nil
        fireDue(at: now.nanoseconds, into: &actions)
        arm(into: &actions)
    }
}
