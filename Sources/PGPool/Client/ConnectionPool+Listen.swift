internal import PGPoolCore

extension ConnectionPool {
    /// Subscribes to channels (PostgreSQL manual, LISTEN), and returns once the server has said yes:
    /// whatever is notified from then on arrives.
    ///
    /// ```swift
    /// for await event in try await pool.listen(to: ["orders"]) {
    ///     switch event {
    ///     case .notification(let notification): try handle(notification.payload)
    ///     case .gap: try await readEverythingAnew()
    ///     }
    /// }
    /// ```
    ///
    /// Each listener has a connection of its own, which counts beside `maxConnections`;
    /// ``Configuration/maxListeners`` bounds them. One that is lost is replaced, with back-off and
    /// without end; then the channels are subscribed to again and a ``NotificationEvent/gap(_:)``
    /// says that something may be missing. It needs a session of the server's own: a pooler in
    /// transaction mode delivers nothing.
    ///
    /// - Parameters:
    ///   - channels: names as they are, upper case and quotes included; 1 to 63 bytes each, at least
    ///     one.
    ///   - bufferLimit: notifications kept for a slow reader, at least 1. What comes when it is full
    ///     is thrown away, and a gap tells how many. Default: 10,000.
    ///   - timeout: for connecting and subscribing. Default: the acquire timeout.
    /// - Throws: ``PoolError`` with `invalidConfiguration` for channels or a limit out of bounds,
    ///   `tooManyListeners`, `connectFailed` or `shutDown`; ``PostgresError``; `CancellationError`.
    public nonisolated func listen(
        to channels: [String],
        bufferLimit: Int = 10_000,
        timeout: Duration? = nil
    ) async throws -> Notifications {
        guard !channels.isEmpty, channels.allSatisfy({ (1...63).contains($0.utf8.count) }) else {
            throw PoolError(
                .invalidConfiguration,
                "channels: at least one, of 1 to 63 bytes each",
                failureClass: .deterministic
            )
        }
        guard bufferLimit >= 1 else {
            throw PoolError(
                .invalidConfiguration,
                "bufferLimit: at least 1",
                failureClass: .deterministic
            )
        }
        let listener = NotificationListener(
            channels,
            limit: bufferLimit,
            engine: engine,
            registry: listeners
        )
        let limit = engine.configuration.maxListeners
        do {
            try listeners.add(listener, limit: limit)
        } catch .full {
            throw PoolError(
                .tooManyListeners,
                "maxListeners allows \(limit)",
                snapshot: snapshot
            )
        } catch .shutDown {
            throw shutDownError
        }
        do {
            let wait = timeout ?? engine.configuration.acquire.timeout
            try await listener.start(deadline: .now + wait)
        } catch  where listeners.isClosed && !Task.isCancelled {
            throw shutDownError
        } catch let failure as DialFailure {
            guard !Task.isCancelled else { throw CancellationError() }
            throw PoolError(
                .connectFailed,
                "no connection to listen on",
                failureClass: failure.isDeterministic ? .deterministic : .notExecuted,
                lastConnectFailure: PoolError.ConnectFailure(
                    message: failure.message,
                    sqlState: failure.sqlState,
                    phase: failure.phase.rawValue,
                    elapsed: failure.elapsed
                )
            )
        }
        return Notifications(listener)
    }

    private nonisolated var shutDownError: PoolError {
        PoolError(.shutDown, "the pool is shutting down", snapshot: snapshot)
    }
}
