/// What kept a ``LocalCluster`` from doing what it was asked.
public struct LocalClusterError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public let code: Code

    /// What failed and, where something can be done about it, what.
    public let message: String

    /// The end of the program's or the server's log, where there is one.
    public let log: String?

    init(code: Code, message: String, log: String? = nil) {
        self.code = code
        self.message = message
        self.log = log
    }

    /// The code, the message and the log.
    public var description: String {
        let summary = "\(code): \(message)"
        return log.map { "\(summary)\n\($0)" } ?? summary
    }

    /// The kinds of failure. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case invalidConfiguration, programMissing, accountMissing
            case serverFailed, timedOut, statementFailed, supervisorLost
            case needsRoot, needsForwarders, noReader, unknownNode, faultActive
        }

        private let value: Value

        /// The configuration contradicts itself or names something that the cluster sets.
        public static let invalidConfiguration = Code(value: .invalidConfiguration)
        /// A program isn't installed: PostgreSQL's server or, for TLS, `openssl`.
        public static let programMissing = Code(value: .programMissing)
        /// The owner runs as root and there is no `postgres` user to run the server.
        public static let accountMissing = Code(value: .accountMissing)
        /// A server couldn't be made, started or signalled.
        public static let serverFailed = Code(value: .serverFailed)
        /// A server took longer to start or stop than the configuration allows.
        public static let timedOut = Code(value: .timedOut)
        /// The server, or `psql`, refused a statement.
        public static let statementFailed = Code(value: .statementFailed)
        /// The cluster was shut down, or its supervisor process is gone.
        public static let supervisorLost = Code(value: .supervisorLost)

        /// The fault drops packets, which only root may.
        public static let needsRoot = Code(value: .needsRoot)
        /// The fault happens in the forwarders before the nodes, and the cluster was started
        /// without them (``LocalCluster/Configuration/forwardsNodes``).
        public static let needsForwarders = Code(value: .needsForwarders)
        /// There is no reader that could become the writer.
        public static let noReader = Code(value: .noReader)
        /// The node isn't, or is no longer, one of the cluster's, or has another role.
        public static let unknownNode = Code(value: .unknownNode)
        /// A fault is under way, or none is where one is needed: ``LocalCluster/heal()`` ends one.
        public static let faultActive = Code(value: .faultActive)

        /// The code's name.
        public var description: String { value.rawValue }
    }
}
