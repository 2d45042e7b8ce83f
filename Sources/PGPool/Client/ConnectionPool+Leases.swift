internal import PGPoolCore
internal import Synchronization

extension ConnectionPool {
    /// Lends a connection to a closure, for it alone.
    ///
    /// The closure runs in the caller's isolation. When it returns or throws, the connection goes to
    /// the next caller; if the closure left a transaction open, or changed the session, that is
    /// undone first.
    ///
    /// - Parameters:
    ///   - acquireTimeout: how long to wait for the connection. Default: the configuration's.
    ///   - body: gets the connection, which is valid until it returns.
    /// - Returns: what `body` returns.
    /// - Throws: ``PoolError``; `CancellationError` if the task is cancelled while it waits; what
    ///   `body` throws.
    @discardableResult
    @inlinable
    public nonisolated func withConnection<Result>(
        acquireTimeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (PostgresConnection) async throws -> sending Result
    ) async throws -> sending Result {
        let lease: Lease
        switch try ask(acquireTimeout, fileID, line) {
        case .lease(let granted): lease = granted
        case .waiting(let waiter): lease = try await wait(waiter)
        }
        return try await use(lease, body)
    }

    /// What a caller who is not refused gets at once.
    @usableFromInline
    enum Asked: ~Copyable {
        case lease(Lease)
        case waiting(Waiter)
    }

    @usableFromInline
    nonisolated func ask(
        _ timeout: Duration?,
        _ fileID: StaticString,
        _ line: UInt
    ) throws -> Asked {
        switch engine.ask(timeout, RawCallSite(fileID: fileID, line: line), nil) {
        case .lease(let lease): .lease(lease)
        case .waiting(let waiter, _): .waiting(waiter)
        case .refused(let error): throw error.value
        }
    }

    @usableFromInline
    nonisolated func wait(_ waiter: Waiter) async throws -> Lease {
        try await engine.wait(waiter)
    }

    @usableFromInline
    nonisolated func release(_ lease: Lease) { engine.release(lease) }

    @usableFromInline
    nonisolated func connection(_ lease: Lease) -> PostgresConnection {
        PostgresConnection(session: lease.session, leaseNumber: lease.number)
    }

    /// Runs the closure with the lease's connection, then takes the lease back.
    @inlinable
    nonisolated func use<Result>(
        _ lease: Lease,
        _ body: (PostgresConnection) async throws -> sending Result
    ) async throws -> sending Result {
        defer { release(lease) }
        let connection = connection(lease)
        // Most leases bind nothing to their task, which costs more than they do.
        guard lease.filledPool, let held = held(lease) else { return try await body(connection) }
        return try await HeldLease.binding.withValue(held) {
            Handover(value: try await body(connection))
        }.value
    }

    /// What the lease's task finds again; nil if nothing is to be found.
    @usableFromInline
    nonisolated func held(_ lease: Lease) -> HeldLease? {
        guard engine.configuration.acquire.detectsNesting else { return nil }
        return HeldLease.binding.get().map {
            HeldLease(engine: ObjectIdentifier(engine), id: lease.session.id, outer: $0)
        } ?? lease.connection?.held
    }

    /// Runs one statement on whichever connection is free first.
    ///
    /// It is a transaction of its own. The connection goes on to the next caller as soon as the
    /// answer is read, before this task wakes.
    ///
    /// - Parameters:
    ///   - query: the statement; interpolated values are bound.
    ///   - acquireTimeout: how long to wait for a connection. Default: the configuration's.
    ///   - statementTimeout: cancels the statement on the server after this time; such a statement
    ///     does not share. Default: none.
    ///   - sharing: whether it may share a connection when all are taken. Default: if it is safe.
    ///   - isIdempotent: running it twice does what running it once does, so it is repeated also when
    ///     the connection was lost and nobody knows whether it ran. Default: false; then it is
    ///     repeated only if the server never began it. ``Configuration/retry`` bounds both, and the
    ///     acquire timeout, counted from the call, ends them.
    /// - Returns: its rows, all in memory.
    /// - Throws: ``PoolError``; ``PostgresError``; `CancellationError` at once when the task is
    ///   cancelled.
    @discardableResult
    public nonisolated func query(
        _ query: Query,
        acquireTimeout: Duration? = nil,
        statementTimeout: Duration? = nil,
        sharing: StatementSharing = .automatic,
        isIdempotent: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Rows {
        let started = Instant.now
        let site = RawCallSite(fileID: fileID, line: line)
        var (remaining, attempts, now) = (acquireTimeout, 0, started)
        while true {
            let run = try statementRun(query, statementTimeout, sharing)
            await withTaskCancellationHandler {
                await withUnsafeContinuation { continuation in
                    run.continuation = TaskContinuation(continuation)
                    engine.start(run, remaining, site, at: now)
                }
            } onCancel: {
                run.cancel()
            }
            let error: PostgresError
            do {
                return try rows(of: run)
            } catch let failure as PostgresError {
                error = failure
            }
            attempts += 1
            let deadline = started + (acquireTimeout ?? engine.configuration.acquire.timeout)
            guard error.failureClass == .notExecuted || error.failureClass == .outcomeUnknown,
                let next = engine.retries.next(
                    engine.configuration.retry,
                    error,
                    attempts,
                    deadline,
                    work: .statement,
                    isIdempotent: isIdempotent,
                    isHeld: engine.isHeld
                )
            else { throw error }
            try await Task.sleep(for: max(.zero, next - .now))
            now = .now
            remaining = max(.zero, deadline - now)
        }
    }

    private nonisolated func statementRun(
        _ query: Query,
        _ timeout: Duration?,
        _ sharing: StatementSharing
    ) throws -> StatementRun {
        let form = try PostgresConnection.form(
            of: query,
            mode: engine.configuration.statementMode
        )
        let run = StatementRun(
            query,
            form,
            engine: engine,
            isShareable: timeout == nil && engine.mayShare(query, form, sharing)
        )
        run.timeout = timeout
        return run
    }

    private nonisolated func rows(of operation: Operation) throws -> Rows {
        _ = operation.isOver.load(ordering: .acquiring)
        switch operation.outcome {
        case .success?: return try engine.configuration.results.collected(operation)
        case .failure(let error)?: throw error
        case nil: throw CancellationError()
        }
    }
}

/// Carries a closure's result through a function that does not say `sending`.
@usableFromInline
struct Handover<Value>: @unchecked Sendable {
    // Proof: the closure gave the value away as `sending`, and it is taken out once, at once.
    @usableFromInline let value: Value

    @usableFromInline
    init(value: Value) { self.value = value }
}
