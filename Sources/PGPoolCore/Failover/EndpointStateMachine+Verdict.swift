/// Who may be taken for the writer.
extension EndpointStateMachine {
    /// Whether a connection that was just opened to `host` reached a node that may be written to.
    /// `nil` if so. A name whose DNS lags leads to the old writer or to a reader.
    package func refusal(of report: NodeReport, on host: HostID) -> WriterRefusal? {
        if report.isInRecovery { return .inRecovery }
        if let known = systemIdentifier, let told = report.systemIdentifier, known != told {
            return .foreignSystem
        }
        if let claim = report.claim, claim.writer != host { return .namesAnother(claim.writer) }
        if let highestTimeline, let timeline = report.timeline, timeline < highestTimeline {
            return .staleTimeline
        }
        if host == lastWriter || isPromoted(report) { return nil }
        // Clocks differ, but a writer's knowledge grows: a new one passes the old one's soon.
        if let stamp = report.claim?.stamp, let lastStamp {
            return stamp > lastStamp ? nil : .staleKnowledge
        }
        // The last writer's own timeline: it is that writer under another name.
        if report.timeline != nil, highestTimeline != nil { return nil }
        return superseded.contains { $0.host == host } ? .superseded : nil
    }

    /// Whether the node takes itself for the writer, rightly or not.
    func mayWrite(_ report: NodeReport, _ host: HostID) -> Bool {
        !report.isInRecovery && report.claim.map { $0.writer == host } != false
    }

    /// A node that answers as a reader was not left behind as a writer.
    mutating func forgiveSuperseded(_ host: HostID, since probe: ProbeID) {
        superseded.removeAll { $0.host == host && $0.since.serial <= probe.serial }
    }

    /// A claim for another writer, newer than the candidate's own and not yet disproved.
    func contradiction(to report: NodeReport, on host: HostID) -> HostID? {
        guard let own = report.claim?.stamp, !isPromoted(report) else { return nil }
        for other in hosts {
            guard let claim = other.report?.claim, claim.writer != host, claim.stamp > own,
                !isDisproved(claim.writer)
            else { continue }
            return claim.writer
        }
        return nil
    }

    /// Whether the host was heard in this search and is no writer.
    private func isDisproved(_ id: HostID) -> Bool {
        guard let host = hosts.first(where: { $0.id == id }) else { return true }
        guard host.isHeard else { return false }
        guard let report = host.report else { return true }
        return refusal(of: report, on: id) != nil
    }

    /// A timeline greater than any that was taken: there is no better proof of a promotion, whatever
    /// others have not heard yet.
    private func isPromoted(_ report: NodeReport) -> Bool {
        guard let timeline = report.timeline, let highestTimeline else { return false }
        return timeline > highestTimeline
    }

    /// Whether the report proves a promotion that came after the last writer was taken.
    func isProvablyNewer(_ report: NodeReport, on host: HostID) -> Bool {
        if isPromoted(report) { return true }
        if report.timeline != nil, highestTimeline != nil { return false }
        guard host != lastWriter, let stamp = report.claim?.stamp, let lastStamp else {
            return false
        }
        return stamp > lastStamp && contradiction(to: report, on: host) == nil
    }

    /// Whether the report unseats a writer that still takes itself for one.
    func unseats(_ report: NodeReport) -> Bool {
        if isPromoted(report) { return true }
        if report.timeline != nil, highestTimeline != nil { return false }
        guard let stamp = report.claim?.stamp, let lastStamp else { return false }
        return stamp - times.unseatMicroseconds > lastStamp
    }

    /// The best of those that may be taken, by what they prove; ties go to the last writer.
    func bestCandidate() -> Int? {
        var best: Int?
        for index in hosts.indices {
            guard let report = hosts[index].report,
                refusal(of: report, on: hosts[index].id) == nil,
                contradiction(to: report, on: hosts[index].id) == nil
            else { continue }
            if let current = best, !outranks(index, current) { continue }
            best = index
        }
        return best
    }

    private func outranks(_ left: Int, _ right: Int) -> Bool {
        guard let one = hosts[left].report, let other = hosts[right].report else { return false }
        let timelines = (one.timeline ?? 0, other.timeline ?? 0)
        if timelines.0 != timelines.1 { return timelines.0 > timelines.1 }
        if one.isReadOnly != other.isReadOnly { return other.isReadOnly }
        let stamps = (one.claim?.stamp ?? 0, other.claim?.stamp ?? 0)
        if stamps.0 != stamps.1 { return stamps.0 > stamps.1 }
        return hosts[left].id == lastWriter
    }
}
