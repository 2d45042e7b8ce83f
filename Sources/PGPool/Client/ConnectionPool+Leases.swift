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
    public nonisolated func withConnection<Result>(
        acquireTimeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (PostgresConnection) async throws -> sending Result
    ) async throws -> sending Result {
        let lease: Lease
        switch engine.ask(acquireTimeout, RawCallSite(fileID: fileID, line: line), nil) {
        case .lease(let granted): lease = granted
        case .refused(let error): throw error
        case .waiting(let waiter): lease = try await engine.wait(waiter)
        }
        return try await use(lease, body)
    }

    /// Runs the closure with the lease's connection, then takes the lease back.
    nonisolated func use<Result>(
        _ lease: Lease,
        _ body: (PostgresConnection) async throws -> sending Result
    ) async throws -> sending Result {
        defer { engine.release(lease) }
        let connection = PostgresConnection(
            session: lease.session,
            leaseNumber: lease.number,
            results: engine.configuration.results
        )
        guard lease.filledPool, engine.configuration.acquire.detectsNesting else {
            return try await body(connection)
        }
        let held =
            HeldLease.current.map {
                HeldLease(engine: ObjectIdentifier(engine), id: lease.connection.id, outer: $0)
            } ?? lease.connection.held
        return try await HeldLease.$current.withValue(held) {
            Handover(value: try await body(connection))
        }.value
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
    /// - Returns: its rows, all in memory.
    /// - Throws: ``PoolError``; ``PostgresError``; `CancellationError` at once when the task is
    ///   cancelled.
    @discardableResult
    public nonisolated func query(
        _ query: Query,
        acquireTimeout: Duration? = nil,
        statementTimeout: Duration? = nil,
        sharing: StatementSharing = .automatic,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Rows {
        let operation = try PostgresConnection.operation(
            for: query,
            mode: engine.configuration.statementMode
        )
        operation.timeout = statementTimeout
        let run = StatementRun(
            engine: engine,
            operation: operation,
            isShareable: engine.mayShare(operation, sharing)
        )
        let site = RawCallSite(fileID: fileID, line: line)
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                operation.continuation = continuation
                engine.start(run, acquireTimeout, site)
            }
        } onCancel: {
            run.cancel()
        }
        _ = operation.isOver.load(ordering: .acquiring)
        switch operation.outcome {
        case .success?: return try engine.configuration.results.collected(operation)
        case .failure(let error)?: throw error
        case nil: throw CancellationError()
        }
    }
}

/// Carries a closure's result through a function that does not say `sending`.
private struct Handover<Value>: @unchecked Sendable {
    // Proof: the closure gave the value away as `sending`, and it is taken out once, at once.
    let value: Value
}
