internal import PGPoolCore

extension Cluster {
    /// Everything a cluster can be told.
    ///
    /// ```swift
    /// var configuration = try Cluster.Configuration(
    ///     url: "postgresql://app@shop.cluster-abc123.eu-west-1.rds.amazonaws.com/shop",
    ///     maxConnections: 16)
    /// configuration.readers.maxConnections = 32
    /// ```
    public struct Configuration: Sendable {
        /// The writer's pool, and what readers' pools take over from it: login, settings, acquiring,
        /// upkeep. Its hosts are where the cluster is first asked for its members: a cluster endpoint,
        /// an instance, or every host of a cluster that does not know its members.
        public var pool: ConnectionPool.Configuration
        /// How instances are reached: `?` stands for the instance's name, a port may follow, as in
        /// `?.db.internal:6432`. `nil`: as the URL's Amazon RDS name says; for other names instances
        /// are not discovered. Default: `nil`.
        public var instanceHostPattern: String?
        /// How often the members are asked for in peace. Default: 30 s.
        public var topologyInterval = Duration.seconds(30)
        /// The same while a writer is sought. Default: 100 ms.
        public var topologyIntervalInFailover = Duration.milliseconds(100)
        /// How readers are used.
        public var readers: Readers

        /// How a cluster's readers are used.
        public struct Readers: Sendable {
            /// How a reader is chosen for a lease.
            public enum Strategy: Hashable, Sendable {
                /// One after the other.
                case roundRobin
                /// The one with the smallest part of its connections in use.
                case leastLoaded
                /// Any.
                case random
            }

            /// What the pools of all readers may grow to together; each has an equal part, at least
            /// one connection. Default: the writer's `maxConnections`.
            public var maxConnections: Int
            /// Default: `leastLoaded`.
            public var strategy = Strategy.leastLoaded
            /// Readers that lie further behind are not used, nor those whose lag is not known, so on
            /// plain PostgreSQL none. `nil`: all are. Default: `nil`.
            public var maxLag: Duration?
        }

        /// A cluster by URL, as ``ConnectionPool/Configuration/init(url:maxConnections:)`` reads it.
        ///
        /// - Parameter maxConnections: what the writer's pool may grow to.
        /// - Throws: ``PoolError`` with the code `invalidConfiguration`.
        public init(url: String, maxConnections: Int) throws {
            self.init(pool: try .init(url: url, maxConnections: maxConnections))
        }

        /// A cluster by its writer's pool.
        public init(pool: ConnectionPool.Configuration) {
            self.pool = pool
            readers = Readers(maxConnections: pool.maxConnections)
        }

        /// Checks all values, as ``ConnectionPool/Configuration/validate()`` does.
        ///
        /// - Throws: ``PoolError`` with the code `invalidConfiguration`.
        public func validate() throws {
            try pool.validate()
            var problems: [String] = []
            if let instanceHostPattern {
                do {
                    _ = try InstanceHostPattern(instanceHostPattern)
                } catch {
                    problems.append("\(error)")
                }
            }
            let hour = Duration.seconds(3_600)
            if topologyInterval < .milliseconds(10) || topologyInterval > hour {
                problems.append("topologyInterval: 10 ms to 1 h")
            }
            if topologyIntervalInFailover < .milliseconds(10)
                || topologyIntervalInFailover > topologyInterval
            {
                problems.append("topologyIntervalInFailover: 10 ms to topologyInterval")
            }
            if !(1...100_000).contains(readers.maxConnections) {
                problems.append("readers.maxConnections: 1 to 100,000")
            }
            if let lag = readers.maxLag, lag < .zero {
                problems.append("readers.maxLag: 0 or more")
            }
            if !pool.failover.isEnabled {
                problems.append("pool.failover.isEnabled: true for a cluster")
            }
            guard problems.isEmpty else {
                throw PoolError(
                    .invalidConfiguration,
                    problems.joined(separator: "; "),
                    failureClass: .deterministic
                )
            }
        }

        /// As given, or as the first host's name says.
        var pattern: InstanceHostPattern? {
            if let instanceHostPattern { return try? InstanceHostPattern(instanceHostPattern) }
            return pool.addresses.lazy.compactMap { RDSEndpoint(host: $0.host)?.instancePattern }
                .first
        }

        var topology: TopologySettings {
            var settings = TopologySettings()
            settings.slowInterval = topologyInterval
            settings.fastInterval = topologyIntervalInFailover
            return settings
        }
    }
}
