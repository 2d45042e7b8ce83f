/// Knows the hosts of a cluster and their roles from what its nodes answer, and decides whom to ask
/// when. DNS has no part in it.
///
/// Answers get lost, come late and contradict each other. So: an answer counts once, and only if
/// its question was not given up; Aurora's views are ordered by the writer's own time in them, and
/// an older view never replaces a newer one; a host is removed only when several views in a row lack
/// it; an empty or broken view changes nothing; of two hosts that both claim to be the writer, the
/// greater timeline counts, and without one nobody is named.
package struct TopologyStateMachine: Sendable {
    package typealias Actions = [TopologyAction]

    struct Host: Sendable {
        var member: TopologyMember
        /// From the configuration: never removed.
        let isConfigured: Bool
        var flight: (id: ProbeID, deadline: Int64)?
        /// Failed questions in a row.
        var failures = 0
        var hasAnswered = false
        var isReportedUnreachable = false
        /// Accepted views in a row that lack it.
        var misses = 0
        /// What it said of itself last; plain servers only.
        var claimsWriter = false
        var timeline: UInt32?
    }

    package let settings: TopologySettings
    let pattern: InstanceHostPattern?
    let defaultPort: UInt16
    var hosts: [Host] = []
    private var addresses: [HostAddress: HostID] = [:]
    private var nextHost: UInt32 = 0
    /// The last hosts that were removed. A node that died is left out of the views until it is back,
    /// and may be the writer before anybody asked again.
    var former: [TopologyMember] = []
    package internal(set) var writer: HostID?
    /// Grows with each change that was told.
    package internal(set) var version: UInt64 = 0
    /// The writer's time in the newest view, in microseconds on the servers' clocks.
    var newestView: Int64 = .min
    /// Views in a row that were older than the newest one.
    var olderViews = 0
    var isFast = true
    var serial: UInt64 = 0
    var nextRoundAt: Int64?
    var armedAt: Int64?
    var hasSnapshots = false
    var generator: SeededGenerator
    private var told: (members: [TopologyMember], writer: HostID?) = ([], nil)

    /// - Parameters:
    ///   - configured: the hosts that the user named, asked first.
    ///   - pattern: makes addresses of Aurora's instance names; without it instances are not
    ///     discovered.
    package init(
        configured: [HostAddress],
        pattern: InstanceHostPattern?,
        settings: TopologySettings = TopologySettings(),
        seed: UInt64
    ) {
        self.settings = settings
        self.pattern = pattern
        defaultPort = configured.first?.port ?? 5_432
        generator = SeededGenerator(seed: seed)
        for address in configured { _ = register(address, isConfigured: true) }
    }

    package var members: [TopologyMember] { hosts.map(\.member) }

    /// Also of a host that was removed lately.
    package func address(of host: HostID) -> HostAddress? {
        (hosts.lazy.map(\.member) + former).first { $0.id == host }?.address
    }

    package func id(of address: HostAddress) -> HostID? { addresses[address] }

    /// The host of an Aurora instance, to translate what a node says of itself and of the writer.
    package func id(ofInstance name: String) -> HostID? {
        pattern.flatMap { id(of: $0.address(of: name, port: defaultPort)) }
    }

    /// Whom the endpoint is to ask for the writer: the instances once they are known, and those that
    /// were removed lately; until then what was configured. A cluster's endpoint is asked for itself only as long as nothing better is
    /// known, because its name follows the writer late; its report must then make no claim, since the
    /// instance behind it goes by another name.
    package var probeTargets: [HostID] {
        let instances = hosts.filter { !$0.isConfigured || $0.member.role != .unknown }
        return (instances.isEmpty ? hosts : instances).map(\.member.id) + former.map(\.id)
    }

    // MARK: - Events

    package mutating func start(at now: Instant, into actions: inout Actions) {
        startRound(at: now.nanoseconds, into: &actions)
        tell(into: &actions)
        arm(into: &actions)
    }

    /// The endpoint fails over, or has recovered.
    package mutating func paceChanged(
        isFast next: Bool,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard next != isFast else { return }
        isFast = next
        if next {
            startRound(at: now.nanoseconds, into: &actions)
        } else {
            scheduleRound(at: now.nanoseconds)
        }
        arm(into: &actions)
    }

    package mutating func answered(
        _ id: ProbeID,
        by host: HostID,
        _ answer: TopologyAnswer,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard let index = land(id, on: host) else { return }
        hosts[index].failures = 0
        hosts[index].hasAnswered = true
        hosts[index].isReportedUnreachable = false
        switch answer {
        case .aurora(let rows, let serverTime):
            hasSnapshots = true
            mergeAurora(rows, serverTime: serverTime, at: now.nanoseconds, into: &actions)
        case .multiAZ(let rows, let writerID):
            hasSnapshots = true
            mergeMultiAZ(rows, writerID: writerID, at: now.nanoseconds, into: &actions)
        case .plain(let isInRecovery, let timeline):
            mergePlain(host, isInRecovery: isInRecovery, timeline: timeline)
        }
        tell(into: &actions)
        arm(into: &actions)
    }

    package mutating func failed(
        _ id: ProbeID,
        on host: HostID,
        at now: Instant,
        into actions: inout Actions
    ) {
        guard let index = land(id, on: host) else { return }
        noteFailure(index, into: &actions)
        tell(into: &actions)
        arm(into: &actions)
    }

    package mutating func timerFired(at now: Instant, into actions: inout Actions) {
        armedAt = nil
        for index in hosts.indices {
            guard let flight = hosts[index].flight, flight.deadline <= now.nanoseconds else {
                continue
            }
            hosts[index].flight = nil
            actions.append(.cancel(hosts[index].member.id, flight.id))
            noteFailure(index, into: &actions)
        }
        if let due = nextRoundAt, due <= now.nanoseconds {
            startRound(at: now.nanoseconds, into: &actions)
        }
        tell(into: &actions)
        arm(into: &actions)
    }

    // MARK: - Helpers

    mutating func register(_ address: HostAddress, isConfigured: Bool) -> Int {
        if let id = addresses[address],
            let index = hosts.firstIndex(where: { $0.member.id == id })
        {
            return index
        }
        let id = addresses[address] ?? HostID(nextHost)
        if addresses[address] == nil {
            nextHost += 1
            // A cluster whose instances come and go for years does not fill the memory.
            if addresses.count >= 4_096 { addresses = Dictionary(uniqueKeysWithValues: current) }
            addresses[address] = id
        }
        former.removeAll { $0.id == id }
        let member = TopologyMember(id: id, address: address, role: .unknown)
        hosts.append(Host(member: member, isConfigured: isConfigured))
        return hosts.count - 1
    }

    private var current: [(HostAddress, HostID)] {
        hosts.map { ($0.member.address, $0.member.id) }
    }

    private mutating func land(_ id: ProbeID, on host: HostID) -> Int? {
        guard let index = hosts.firstIndex(where: { $0.member.id == host }),
            hosts[index].flight?.id == id
        else { return nil }
        hosts[index].flight = nil
        return index
    }

    /// Says what changed, if anything did. Lag moves all the time: it is no change by itself, and told
    /// apart. Load is told by ``members`` alone.
    private mutating func tell(into actions: inout Actions) {
        let members = members
        let isSame =
            told.writer == writer && told.members.count == members.count
            && zip(told.members, members).allSatisfy { $0.id == $1.id && $0.role == $1.role }
        guard !isSame else {
            let isAsOld = zip(told.members, members).allSatisfy {
                $0.lagMilliseconds == $1.lagMilliseconds
            }
            guard !isAsOld else { return }
            told = (members, writer)
            actions.append(.refreshed(members, writer: writer))
            return
        }
        told = (members, writer)
        version += 1
        actions.append(.changed(members, writer: writer))
    }
}
