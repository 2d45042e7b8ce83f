extension LocalCluster {
    /// How a running server is told to stop.
    public enum StopMode: Sendable, Hashable {
        /// Open transactions are rolled back, sessions ended, and the data is written out.
        case fast
        /// As in a crash: everything ends at once, and the next start recovers.
        case immediate
    }

    /// Starts the writer again, on the same port and data, and returns when it answers.
    ///
    /// Not for a cluster's first start, which ``start(_:)`` does.
    ///
    /// - Throws: ``LocalClusterError`` when it runs already or doesn't come up.
    public func start() async throws {
        try await writerServer.start(timeout: configuration.timeout)
    }

    /// Stops the writer, and returns when it has ended. Port and data are kept.
    ///
    /// - Parameter mode: How it is told.
    /// - Throws: ``LocalClusterError`` when it isn't running or doesn't end in time.
    public func stop(mode: StopMode = .fast) async throws {
        try await writerServer.stop(mode: mode, timeout: configuration.timeout)
    }

    /// Stops the writer and starts it again.
    ///
    /// - Parameter mode: How it is told to stop.
    /// - Throws: What ``stop(mode:)`` and ``start()`` throw.
    public func restart(mode: StopMode = .fast) async throws {
        try await stop(mode: mode)
        try await start()
    }

    /// Sends SIGKILL to the writer's postmaster and all its descendants, and returns when they are
    /// gone.
    ///
    /// What a crash leaves is left: the next ``start()`` recovers.
    ///
    /// - Throws: ``LocalClusterError`` when the supervisor is gone.
    public func kill() async throws {
        try await writerServer.kill()
    }

    /// The process identifiers of the writer: its postmaster's and all its descendants'.
    ///
    /// - Returns: The identifiers in no order; none when it isn't running.
    /// - Throws: ``LocalClusterError`` when the supervisor is gone.
    public func processIdentifiers() async throws -> [Int32] {
        try await writerServer.processIdentifiers()
    }

    /// Where the writer's log is, while the cluster exists.
    public var logPath: String { writerServer.logPath }

    /// Reads the writer's log.
    ///
    /// - Returns: All of it since the cluster was made.
    /// - Throws: An error of Foundation's when the cluster was shut down.
    public func log() throws -> String {
        try writerServer.log()
    }
}
