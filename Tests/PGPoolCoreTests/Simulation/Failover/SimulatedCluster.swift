@testable import PGPoolCore

/// The truth: nodes with roles that change, as PostgreSQL or Aurora would have it.
struct SimulatedCluster {
    enum Flavour: Sendable {
        /// Promotions raise the timeline; nobody knows of others.
        case plain
        /// Every node has its idea of who the writer is, with a time; there is no timeline.
        case aurora
    }

    struct Node: Hashable {
        var isUp = true
        var isFrozen = false
        var isReachable = true
        /// What it takes itself for. More than one may, one is.
        var believesWriter = false
        /// The promotion by which it became the writer, counted from 1; for a reader, of its writer.
        var epoch = 1
        var knownWriter = 0
        var knownStamp: Int64 = 0

        var answers: Bool { isUp && !isFrozen && isReachable }
    }

    let flavour: Flavour
    var nodes: [Node]
    var writer: Int? = 0
    /// Promotions so far.
    var epoch = 1
    /// Which node a host's name leads to.
    var names: [Int]
    /// Counts everything that changes.
    var changes = 0
    private var lastPromotion: Int64 = 0

    init(count: Int, flavour: Flavour) {
        self.flavour = flavour
        nodes = Array(repeating: Node(), count: count)
        nodes[0].believesWriter = true
        names = Array(0..<count)
    }

    /// The node by that name, if it answers.
    func node(_ host: HostID) -> Int? {
        let index = names[Int(host.rawValue)]
        return nodes[index].answers ? index : nil
    }

    func report(of index: Int, at now: Int64) -> NodeReport {
        let node = nodes[index]
        var report = NodeReport(isInRecovery: !node.believesWriter, systemIdentifier: 7)
        switch flavour {
        case .plain:
            if node.believesWriter { report.timeline = UInt32(node.epoch) }
        case .aurora:
            let isTrue = writer == index
            report.claim = NodeReport.Claim(
                writer: HostID(UInt32(isTrue ? index : node.knownWriter)),
                stamp: isTrue ? max(now, lastPromotion) / 1_000 : node.knownStamp
            )
        }
        return report
    }

    // MARK: - What befalls it

    mutating func crash(_ index: Int) {
        changes += 1
        nodes[index].isUp = false
    }

    /// It comes back as what it was, or as a reader of the present writer.
    mutating func restart(_ index: Int, asReader: Bool, at now: Int64) {
        changes += 1
        nodes[index].isUp = true
        nodes[index].isFrozen = false
        if writer == index { return }
        // Aurora's nodes learn their role as they start; others may come back as they were.
        if asReader || flavour == .aurora { becomeReader(index, at: now) }
    }

    mutating func becomeReader(_ index: Int, at now: Int64) {
        changes += 1
        nodes[index].believesWriter = false
        learn(index, at: now)
    }

    /// A reader hears who the writer is.
    mutating func learn(_ index: Int, at now: Int64) {
        guard let writer, writer != index, !nodes[index].believesWriter, nodes[writer].isUp,
            !nodes[writer].isFrozen
        else { return }
        nodes[index].knownWriter = writer
        nodes[index].knownStamp = max(now, lastPromotion) / 1_000
        nodes[index].epoch = epoch
    }

    /// The writer is the writer no more. If it still runs it may not have noticed.
    mutating func depose(notices: Bool, at now: Int64) {
        guard let old = writer else { return }
        changes += 1
        nodes[old].knownWriter = old
        nodes[old].knownStamp = max(now, lastPromotion) / 1_000
        writer = nil
        if notices { nodes[old].believesWriter = false }
    }

    mutating func promote(_ index: Int, at now: Int64) {
        guard writer == nil, nodes[index].isUp, !nodes[index].isFrozen else { return }
        changes += 1
        epoch += 1
        // Later than anything that was known of an earlier writer.
        lastPromotion = max(now, lastPromotion) + 1_000_000
        writer = index
        nodes[index].believesWriter = true
        nodes[index].epoch = epoch
    }
}
