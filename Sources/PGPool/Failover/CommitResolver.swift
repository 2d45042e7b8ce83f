internal import PGPoolCore
internal import Synchronization

/// Performs what `CommitResolution` decides, on connections of the pool.
///
/// It runs in a task of its own: like the COMMIT that it is about, it is not cancelled.
struct CommitResolver {
    private let engine: PoolEngine
    private let ledger: CommitLedger
    private let site: RawCallSite
    private let deadline: Instant
    private let token: CommitToken
    private var resolution: CommitResolution
    private var actions: CommitResolution.Actions = []
    private var timer: Instant
    private var lease: Lease?

    /// Finds out what became of a token's transaction, and fences it if it was not committed.
    static func resolve(
        _ token: CommitToken,
        by deadline: Instant,
        _ engine: PoolEngine,
        _ ledger: CommitLedger,
        _ site: RawCallSite
    ) async -> CommitVerdict {
        await Task.detached {
            var resolver = CommitResolver(token, deadline, engine, ledger, site)
            return await resolver.run()
        }.value
    }

    private init(
        _ token: CommitToken,
        _ deadline: Instant,
        _ engine: PoolEngine,
        _ ledger: CommitLedger,
        _ site: RawCallSite
    ) {
        self.engine = engine
        self.ledger = ledger
        self.site = site
        self.deadline = deadline
        self.token = token
        timer = deadline
        resolution = CommitResolution(
            token: token.id,
            systemIdentifier: nil,
            deadline: deadline,
            seed: .random(in: .min ... .max)
        )
    }

    private mutating func run() async -> CommitVerdict {
        resolution.start(
            wallClock: CommitLedger.wallClock,
            retention: ledger.configuration.retention,
            at: .now,
            into: &actions
        )
        while true {
            if let verdict = resolution.verdict {
                endLease(isUsable: !actions.contains(.abandon))
                return verdict
            }
            guard !actions.isEmpty else {
                // Nothing wakes it earlier, so the rest of the time may be slept.
                try? await Task.sleep(for: max(.zero, timer - .now))
                resolution.timerFired(at: .now, into: &actions)
                continue
            }
            let due = actions
            actions = []
            for action in due { await perform(action) }
        }
    }

    private mutating func perform(_ action: CommitResolutionAction) async {
        switch action {
        case .findNode: await findNode()
        case .fence(let node, let lockTimeout): await fence(node, lockTimeout)
        case .commit: await commit()
        case .abandon: endLease(isUsable: false)
        case .armTimer(let instant): timer = instant
        case .finish: break
        }
    }

    private mutating func findNode() async {
        do {
            let lease = try await engine.acquire(max(.zero, deadline - .now), site)
            self.lease = lease
            resolution.nodeFound(Self.node(engine), at: .now, into: &actions)
        } catch {
            resolution.noNode(at: .now, into: &actions)
        }
    }

    /// The node that the pool's connections lead to.
    ///
    /// A pool has one endpoint, whose changes of role change its generation.
    private static func node(_ engine: PoolEngine) -> LedgerNode {
        LedgerNode(
            host: HostID(0),
            generation: engine.snapshot.generation,
            systemIdentifier: nil
        )
    }

    private mutating func fence(_ node: LedgerNode, _ lockTimeout: Duration) async {
        guard let lease else { return resolution.fenceFailed(nil, at: .now, into: &actions) }
        let connection = PostgresConnection(session: lease.session, leaseNumber: lease.number)
        let begin = TransactionBegin(sql: LedgerSQL.fenceBegin)
        let sql = ledger.sql.fence(token.id, lockTimeout: lockTimeout)
        let answer = await Self.within(lockTimeout) {
            _ = try connection.session.beginWithNextStatement(begin, lease: connection.leaseNumber)
            return try await connection.simpleQuery(sql).last?[0].decode(String.self, at: 0)
        }
        switch answer {
        case .success(let state):
            resolution.generationChanged(
                to: engine.snapshot.generation,
                at: .now,
                into: &actions
            )
            resolution.fenced(state?.first ?? "?", at: .now, into: &actions)
        case .failure(let error as PostgresError):
            resolution.fenceFailed(error.sqlState, at: .now, into: &actions)
        case .failure:
            resolution.fenceFailed(nil, at: .now, into: &actions)
        }
        if Instant.now >= deadline { resolution.timerFired(at: .now, into: &actions) }
    }

    private mutating func commit() async {
        var outcome = OutcomeEvidence.Outcome.failed(
            FailureVerdict(
                failureClass: .outcomeUnknown,
                connection: .retire,
                endpoint: .suspect
            )
        )
        if let lease {
            let connection = PostgresConnection(session: lease.session, leaseNumber: lease.number)
            let patience = max(.milliseconds(1), deadline - .now)
            if (try? await connection.commit(timeout: patience)) != nil { outcome = .succeeded }
        }
        resolution.commitEnded(outcome, at: .now, into: &actions)
        if Instant.now >= deadline { resolution.timerFired(at: .now, into: &actions) }
    }

    /// The connection goes back, or is closed where its late answers must not count.
    private mutating func endLease(isUsable: Bool) {
        guard let lease else { return }
        self.lease = nil
        lease.session.endTransaction(lease: lease.number)
        if !isUsable { lease.session.retire() }
        engine.release(lease)
    }

    /// Cancels work that takes longer.
    private static func within<Result: Sendable>(
        _ limit: Duration,
        _ work: @escaping @Sendable () async throws -> Result
    ) async -> Swift.Result<Result, any Error> {
        await withTaskGroup(of: Swift.Result<Result, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await work()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            for await result in group {
                if let result {
                    group.cancelAll()
                    return result
                }
                group.cancelAll()
            }
            return .failure(CancellationError())
        }
    }
}
