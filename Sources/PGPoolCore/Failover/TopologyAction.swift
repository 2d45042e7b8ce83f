/// What the owner of a topology is to do.
package enum TopologyAction: Hashable, Sendable {
    /// Ask the host for its topology. Answer with `answered` or `failed`.
    case ask(HostID, ProbeID, deadline: Instant)
    /// Give the question up and close its connection, so that the next one connects afresh.
    case cancel(HostID, ProbeID)
    /// The members in the order in which they became known, and the writer if it is known.
    case changed([TopologyMember], writer: HostID?)
    /// Only lags have changed since the members were told last.
    case refreshed([TopologyMember], writer: HostID?)
    /// The topology names this host and it has never answered: the pattern or the network may be
    /// wrong. Said once until it answers.
    case unreachable(HostID, HostAddress)
    /// Call `timerFired` at this instant; replaces what was asked for before.
    case armTimer(Instant)
}

/// The times and bounds of a topology.
package struct TopologySettings: Sendable {
    /// The pause between rounds in peace (the AWS wrapper's default).
    package var slowInterval = Duration.seconds(30)
    /// The pause between rounds while the endpoint fails over (the AWS wrapper's default).
    package var fastInterval = Duration.milliseconds(100)
    /// The longest that one question may take, connecting included.
    package var timeout = Duration.seconds(2)
    /// Aurora keeps rows of readers that are gone; those that were not updated for so long are
    /// ignored.
    package var staleAfter = Duration.seconds(300)
    /// So many views in a row that are older than the newest one replace it.
    package var olderViewsToTrust = 20
    /// A host is removed when so many accepted views in a row lack it.
    package var missesToRemove = 2
    /// A host that never answered is reported after so many failures in a row.
    package var failuresToReport = 3
    /// Hosts beyond this are not taken in. Aurora has at most 16.
    package var maxHosts = 64

    package init() {}
}
