/// Doubting the writer, seeking one, taking one.
extension EndpointStateMachine {
    /// Asks every host, whatever was under way: old flights may be from before the event.
    mutating func beginSearch(at now: Int64, into actions: inout Actions) {
        searchSince = now
        settleAt = nil
        doubtAt = nil
        hasReportedNoWriter = false
        for index in hosts.indices {
            hosts[index].report = nil
            hosts[index].isHeard = false
            cancelFlight(index, into: &actions)
            startFlight(index, at: now, into: &actions)
        }
    }

    /// Something speaks against the writer: ask.
    mutating func doubt(at now: Int64, into actions: inout Actions) {
        guard state == .healthy || state == .recovering else { return }
        guard now >= quietUntil else {
            // It has just confirmed itself; look again soon, and once for all doubts till then.
            doubtAt = doubtAt ?? quietUntil
            return
        }
        enter(.suspect, into: &actions)
        beginSearch(at: now, into: &actions)
    }

    /// The writer is gone or is none: hold callers and seek.
    mutating func failOver(at now: Int64, into actions: inout Actions) {
        guard state != .failingOver else { return }
        let isSearching = state == .suspect
        rampAt = nil
        doubtAt = nil
        enter(.failingOver, into: &actions)
        admit(.held, into: &actions)
        actions.append(.pollTopology(isFast: true))
        if isSearching {
            seek(at: now, into: &actions)
        } else {
            beginSearch(at: now, into: &actions)
        }
    }

    /// An answer came.
    mutating func consider(
        _ index: Int,
        _ report: NodeReport,
        at now: Int64,
        into actions: inout Actions
    ) {
        let id = hosts[index].id
        let refusal = refusal(of: report, on: id)
        if id == writer, refusal != nil {
            // It says itself that it is not the writer, or is another node by the same name.
            bump(to: nil, into: &actions)
            failOver(at: now, into: &actions)
        } else if id == writer, state != .failingOver {
            confirm(report, at: now, into: &actions)
        } else if refusal == nil, state != .failingOver, unseats(report) {
            take(index, report, at: now, into: &actions)
        }
        seek(at: now, into: &actions)
    }

    /// The writer takes itself for the writer still.
    private mutating func confirm(
        _ report: NodeReport,
        at now: Int64,
        into actions: inout Actions
    ) {
        lastStamp = report.claim?.stamp ?? lastStamp
        if let timeline = report.timeline, timeline > highestTimeline ?? 0 {
            // The same host was promoted anew behind our back: its connections are from before.
            highestTimeline = timeline
            bump(to: writer, into: &actions)
        }
        quietUntil = now + times.quiet
        guard state == .suspect else { return }
        // Others may still answer and prove themselves newer; nobody is asked again.
        for index in hosts.indices { hosts[index].nextProbeAt = nil }
        if admission == .open {
            enter(.healthy, into: &actions)
        } else {
            enter(.recovering, into: &actions)
            rampAt = rampAt ?? now + times.rampStep
        }
    }

    /// Takes the best candidate at once if it proves that it is newer, else once all were heard or
    /// the wait for them is over.
    mutating func seek(at now: Int64, into actions: inout Actions) {
        guard state == .failingOver else { return }
        let isComplete = hosts.allSatisfy(\.isHeard)
        if let best = bestCandidate(), let report = hosts[best].report {
            if isComplete || now >= settleAt ?? .max
                || isProvablyNewer(report, on: hosts[best].id)
            {
                take(best, report, at: now, into: &actions)
                return
            }
            settleAt = settleAt ?? now + times.settle
        } else {
            settleAt = nil
        }
        if isComplete { reportNoWriter(into: &actions) }
    }

    private mutating func take(
        _ index: Int,
        _ report: NodeReport,
        at now: Int64,
        into actions: inout Actions
    ) {
        let id = hosts[index].id
        if let lastWriter, lastWriter != id { supersede(lastWriter) }
        superseded.removeAll { $0.host == id }
        let isSame = writer == id && (report.timeline ?? 0) <= highestTimeline ?? .max
        lastWriter = id
        lastStamp = report.claim?.stamp ?? lastStamp
        highestTimeline = [highestTimeline, report.timeline].compactMap(\.self).max()
        systemIdentifier = systemIdentifier ?? report.systemIdentifier
        if !isSame { bump(to: id, into: &actions) }
        settleAt = nil
        doubtedWriter = nil
        quietUntil = now + times.quiet
        enter(.recovering, into: &actions)
        admit(.limited(max(1, settings.rampStart)), into: &actions)
        rampAt = now + times.rampStep
    }

    private mutating func supersede(_ host: HostID) {
        superseded.removeAll { $0.host == host }
        superseded.append(Superseded(host: host, since: ProbeID(serial: serial + 1)))
        // Far more than a cluster has hosts (Aurora: 16).
        if superseded.count > 256 { superseded.removeFirst() }
    }

    private mutating func reportNoWriter(into actions: inout Actions) {
        guard !hasReportedNoWriter else { return }
        hasReportedNoWriter = true
        let answers = hosts.compactMap { host in host.report.map { (host.id, $0) } }
        guard !answers.isEmpty else {
            actions.append(.noWriter(.unreachable))
            return
        }
        for (id, report) in answers where mayWrite(report, id) {
            let refusal =
                refusal(of: report, on: id)
                ?? contradiction(to: report, on: id).map { .contradicted($0) }
            if let refusal {
                actions.append(.noWriter(.refused(refusal)))
                return
            }
        }
        actions.append(.noWriter(.onlyReaders))
    }

    // MARK: - Atoms

    mutating func bump(to host: HostID?, into actions: inout Actions) {
        generation += 1
        writer = host
        actions.append(.setGeneration(generation, writer: host))
    }

    mutating func enter(_ next: EndpointState, into actions: inout Actions) {
        guard state != next else { return }
        state = next
        actions.append(.stateChanged(next))
    }

    mutating func admit(_ next: Admission, into actions: inout Actions) {
        guard admission != next else { return }
        admission = next
        actions.append(.setAdmission(next))
    }
}
