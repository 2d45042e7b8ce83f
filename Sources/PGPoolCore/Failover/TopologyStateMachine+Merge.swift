/// What an answer changes.
extension TopologyStateMachine {
    // MARK: - Aurora

    mutating func mergeAurora(
        _ rows: [TopologyAnswer.AuroraRow],
        serverTime: Int64,
        at now: Int64,
        into actions: inout Actions
    ) {
        guard let pattern else { return }
        let oldest = serverTime - settings.staleAfter.wholeNanoseconds / 1_000
        var latest: [TopologyAnswer.AuroraRow] = []
        for row in rows where !row.instance.isEmpty {
            guard row.isWriter || row.updatedAt.map({ $0 >= oldest }) != false else { continue }
            if let index = latest.firstIndex(where: { $0.instance == row.instance }) {
                if row.updatedAt ?? .min > latest[index].updatedAt ?? .min { latest[index] = row }
            } else {
                latest.append(row)
            }
        }
        let writers = latest.filter(\.isWriter)
        let newest = writers.max { ($0.updatedAt ?? .min) < ($1.updatedAt ?? .min) }
        // A view without a writer is one from the middle of a failover: hosts may have come, nobody
        // has gone, and the writer is still to be found.
        guard let newest else {
            for row in latest { _ = take(row, pattern, .unknown) }
            return
        }
        let view = newest.updatedAt ?? serverTime
        // An older view is late, unless nothing else is heard: then the newest one had a wrong clock.
        olderViews = view < newestView ? olderViews + 1 : 0
        guard olderViews == 0 || olderViews >= settings.olderViewsToTrust else { return }
        olderViews = 0
        newestView = view
        let isContested = writers.contains { $0 != newest && $0.updatedAt == newest.updatedAt }
        var seen: [HostID] = []
        var named: HostID?
        for row in latest {
            let isWriter = row.instance == newest.instance && !isContested
            guard let id = take(row, pattern, isWriter ? .writer : .reader) else { continue }
            seen.append(id)
            if isWriter { named = id }
        }
        if !isContested { writer = named }
        if let writer { demoteOthers(than: writer) }
        forget(allBut: seen, into: &actions)
    }

    private mutating func take(
        _ row: TopologyAnswer.AuroraRow,
        _ pattern: InstanceHostPattern,
        _ role: HostRole
    ) -> HostID? {
        guard let index = place(pattern.address(of: row.instance, port: defaultPort)) else {
            return nil
        }
        if role != .unknown { hosts[index].member.role = role }
        hosts[index].member.lagMilliseconds = row.lagMilliseconds
        hosts[index].member.cpu = row.cpu
        return hosts[index].member.id
    }

    // MARK: - RDS Multi-AZ

    mutating func mergeMultiAZ(
        _ rows: [TopologyAnswer.MultiAZRow],
        writerID: String?,
        at now: Int64,
        into actions: inout Actions
    ) {
        guard !rows.isEmpty else { return }
        let isKnown = writerID.map { id in rows.contains { $0.id == id } } ?? false
        var seen: [HostID] = []
        for row in rows {
            guard let index = place(row.address) else { continue }
            seen.append(hosts[index].member.id)
            guard isKnown else { continue }
            let isWriter = row.id == writerID
            hosts[index].member.role = isWriter ? .writer : .reader
            if isWriter { writer = hosts[index].member.id }
        }
        if isKnown, let writer { demoteOthers(than: writer) }
        forget(allBut: seen, into: &actions)
    }

    // MARK: - Plain servers

    mutating func mergePlain(_ host: HostID, isInRecovery: Bool, timeline: UInt32?) {
        guard let index = hosts.firstIndex(where: { $0.member.id == host }) else { return }
        hosts[index].claimsWriter = !isInRecovery
        hosts[index].timeline = isInRecovery ? nil : timeline
        // With snapshots, who answers for itself alone does not overrule them.
        guard !hasSnapshots else { return }
        electPlain()
    }

    /// Of those that claim to be the writer the greatest timeline counts; a tie names nobody.
    mutating func electPlain() {
        let claims = hosts.filter(\.claimsWriter)
        let greatest = claims.map { $0.timeline ?? 0 }.max()
        let best = claims.filter { $0.timeline ?? 0 == greatest }
        writer = best.count == 1 ? best.first?.member.id : nil
        for index in hosts.indices {
            let host = hosts[index]
            if host.member.id == writer {
                hosts[index].member.role = .writer
            } else if host.claimsWriter {
                hosts[index].member.role = .unknown
            } else {
                hosts[index].member.role =
                    host.hasAnswered && host.failures == 0 ? .reader : .unknown
            }
        }
    }

    // MARK: - Hosts

    private mutating func place(_ address: HostAddress) -> Int? {
        if let index = hosts.firstIndex(where: { $0.member.address == address }) {
            hosts[index].misses = 0
            return index
        }
        guard hosts.count < settings.maxHosts else { return nil }
        return register(address, isConfigured: false)
    }

    /// One writer: whoever else was called so is a reader by the same view.
    private mutating func demoteOthers(than writer: HostID) {
        for index in hosts.indices
        where hosts[index].member.id != writer && hosts[index].member.role == .writer {
            hosts[index].member.role = .reader
        }
    }

    private mutating func forget(allBut seen: [HostID], into actions: inout Actions) {
        // A view that names none of the hosts is broken, not news.
        guard !seen.isEmpty else { return }
        for index in hosts.indices.reversed() where !seen.contains(hosts[index].member.id) {
            hosts[index].misses += 1
            guard hosts[index].misses >= settings.missesToRemove else { continue }
            if hosts[index].isConfigured {
                // A cluster's endpoint is no instance: it is asked but plays no part.
                hosts[index].member.role = .unknown
            } else {
                if let flight = hosts[index].flight {
                    actions.append(.cancel(hosts[index].member.id, flight.id))
                }
                former.append(hosts[index].member)
                // As many as Aurora has hosts.
                if former.count > 16 { former.removeFirst() }
                hosts.remove(at: index)
            }
        }
    }

    mutating func noteFailure(_ index: Int, into actions: inout Actions) {
        hosts[index].failures += 1
        if !hasSnapshots, hosts[index].failures >= settings.missesToRemove {
            hosts[index].claimsWriter = false
            electPlain()
        }
        guard hosts[index].failures >= settings.failuresToReport, !hosts[index].hasAnswered,
            !hosts[index].isReportedUnreachable
        else { return }
        hosts[index].isReportedUnreachable = true
        actions.append(.unreachable(hosts[index].member.id, hosts[index].member.address))
    }
}
