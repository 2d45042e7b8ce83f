import PGPool
import PGPoolTesting
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Readers that come, go and lag.
@Suite("Readers", .serialized)
struct ReaderIntegrationTests {
    private let role: Query = "SELECT pg_is_in_recovery()"

    @Test("Reads see what was written before, where that is asked for")
    func readsItsWrites() async throws {
        try await withCluster(.multiAZ) { servers, cluster in
            try await cluster.writer.query("CREATE TABLE marks (number int)")
            try await eventually("two readers are known") { cluster.reader.snapshots.count == 2 }
            for reader in servers.readers {
                try await servers.delayReplay(of: reader, by: .milliseconds(300))
            }
            for number in 1...5 {
                try await cluster.writer.query("INSERT INTO marks VALUES (\(Int32(number)))")
                let position = try await cluster.writePosition()
                let (seen, isReader) = try await cluster.reader.withConnection(
                    acquireTimeout: .seconds(10),
                    after: position
                ) { connection in
                    let seen = try await connection.query("SELECT max(number) FROM marks")
                    let isReader = try await connection.query(role)
                    return (
                        try seen.decode(Int32?.self).first ?? nil,
                        try isReader.decode(Bool.self).first
                    )
                }
                #expect(seen == Int32(number))
                #expect(isReader == true, "the reader had time enough to come so far")
            }
            // A reader that needs longer than half of the time is not waited for.
            for reader in servers.readers {
                try await servers.delayReplay(of: reader, by: .seconds(30))
            }
            try await cluster.writer.query("INSERT INTO marks VALUES (6)")
            let late = try await cluster.reader.query(
                "SELECT max(number), pg_is_in_recovery() FROM marks",
                acquireTimeout: .seconds(1),
                after: try await cluster.writePosition()
            ).decode((Int32, Bool).self)
            #expect(late.first?.0 == 6)
            #expect(late.first?.1 == false, "only the writer had it in time")
        }
    }

    @Test("On Aurora the writer serves reads that must see its writes")
    func readsItsWritesOnAurora() async throws {
        try await withCluster(.aurora) { _, cluster in
            let position = try await cluster.writePosition()
            let isReader = try await cluster.reader.query(role, after: position).decode(Bool.self)
            #expect(isReader == [false])
        }
    }

    @Test("Readers come and go under load", arguments: [LocalCluster.Flavor.aurora, .multiAZ])
    func followsReaders(flavor: LocalCluster.Flavor) async throws {
        let configure = { (configuration: inout Cluster.Configuration) in
            configuration.topologyInterval = .milliseconds(100)
            configuration.readers.maxConnections = 6
            configuration.readers.strategy = .roundRobin
        }
        try await withCluster(flavor, configure: configure) { servers, cluster in
            try await eventually("two readers are known") { cluster.reader.snapshots.count == 2 }
            #expect(cluster.reader.snapshots.map(\.pool.limit) == [3, 3])
            try await withThrowingTaskGroup(of: Int.self) { group in
                let isOver = Flag()
                for _ in 0..<4 {
                    group.addTask {
                        var count = 0
                        while !isOver.isSet {
                            try await cluster.reader.query("SELECT pg_sleep(0.001)")
                            count += 1
                        }
                        return count
                    }
                }
                let added = try await servers.addReader()
                try await eventually("the new reader serves") {
                    cluster.reader.snapshots.contains {
                        $0.member.host == added.host && $0.pool.openedTotal > 0
                    }
                }
                #expect(cluster.reader.snapshots.map(\.pool.limit) == [2, 2, 2])
                let gone = servers.readers[0]
                try await servers.removeReader(gone)
                try await eventually("the reader that went is forgotten") {
                    !cluster.reader.snapshots.contains { $0.member.host == gone.host }
                }
                isOver.set()
                for try await count in group { #expect(count > 0) }
            }
            #expect(cluster.reader.snapshots.map(\.pool.limit) == [3, 3])
        }
    }

    @Test("Without readers the writer serves")
    func fallsBackToTheWriter() async throws {
        try await withCluster(.aurora, local: { $0.readers = 0 }) { _, cluster in
            let isReader = try await cluster.reader.query(role).decode(Bool.self)
            #expect(isReader == [false])
        }
    }

    @Test(
        "A reader that has never answered is passed over",
        arguments: [SIGSTOP, SIGKILL]
    )
    func neverAnswered(signal: Int32) async throws {
        let configure = { (configuration: inout Cluster.Configuration) in
            configuration.readers.strategy = .roundRobin
            configuration.pool.failover.pingInterval = .milliseconds(200)
        }
        try await withCluster(.multiAZ, configure: configure) { servers, cluster in
            try await eventually("two readers are known") { cluster.reader.snapshots.count == 2 }
            let file = try await servers.execute(
                "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)",
                on: servers.readers[0]
            )
            let postmaster = try #require(pid_t(file))
            kill(postmaster, signal)
            defer { if signal == SIGSTOP { kill(postmaster, SIGCONT) } }
            func serving() async throws -> Set<String> {
                var hosts: Set<String> = []
                for _ in 0..<8 {
                    let rows = try await cluster.reader.query(
                        "SELECT host(inet_server_addr()), pg_is_in_recovery()",
                        acquireTimeout: .seconds(4)
                    )
                    let (host, isReader) = try rows[0].decode((String, Bool).self)
                    #expect(isReader)
                    hosts.insert(host)
                }
                return hosts
            }
            #expect(try await serving().count == 1)
            guard signal == SIGSTOP else { return }
            kill(postmaster, SIGCONT)
            try await eventually("it serves when it is back") { try await serving().count == 2 }
        }
    }

    @Test("What was lost with its reader is run again on another one")
    func runsAgain() async throws {
        let configure = { (configuration: inout Cluster.Configuration) in
            configuration.readers.strategy = .roundRobin
        }
        try await withCluster(.multiAZ, configure: configure) { servers, cluster in
            try await eventually("two readers are known") { cluster.reader.snapshots.count == 2 }
            let address: Query = "SELECT host(inet_server_addr()), pg_backend_pid()"
            let runs = Counter()
            let isReader = try await cluster.reader.withTransaction { transaction in
                runs.increment()
                let (host, pid) = try await transaction.query(address)[0]
                    .decode((String, Int32).self)
                if runs.value == 1 {
                    let node = try #require(servers.readers.first { $0.host == host })
                    try await servers.execute("SELECT pg_terminate_backend(\(pid), 5000)", on: node)
                }
                return try await transaction.query(role).decode(Bool.self).first
            }
            #expect(runs.value == 2)
            #expect(isReader == true)
        }
    }

    @Test("A reader's lag is followed, and one that is too far behind is left out")
    func followsLag() async throws {
        let configure = { (configuration: inout Cluster.Configuration) in
            configuration.topologyInterval = .milliseconds(100)
            configuration.readers.maxLag = .seconds(1)
            configuration.readers.strategy = .roundRobin
        }
        try await withCluster(.aurora, configure: configure) { servers, cluster in
            try await eventually("two readers are known") { cluster.reader.snapshots.count == 2 }
            let late = servers.readers[0]
            let definition = try await servers.execute(
                "SELECT pg_get_functiondef('pg_catalog.aurora_replica_status'::regproc)"
            )
            let lagging = definition.replacing(
                "THEN n.lag END",
                with: "AND n.id = '\(late.id)' THEN 60000 WHEN NOT n.writer THEN 0 END"
            )
            try #require(lagging != definition)
            func lag() -> Duration?? { cluster.members.first { $0.host == late.host }.map(\.lag) }
            let own: Query = "SELECT host(inet_server_addr())"
            func isUsed() async throws -> Bool {
                for _ in 0..<4 {
                    let host = try await cluster.reader.query(own).decode(String.self)
                    if host == [late.host] { return true }
                }
                return false
            }
            #expect(try await isUsed())
            try await servers.execute("SET allow_system_table_mods = on; \(lagging)")
            try await eventually("its lag is told") { lag() == .seconds(60) }
            #expect(try await !isUsed())
            try await servers.execute("SET allow_system_table_mods = on; \(definition)")
            try await eventually("it has caught up") { lag() == .zero }
            #expect(try await isUsed())
        }
    }

    @Test("The readers go on being followed when only their pool is kept")
    func keptAlone() async throws {
        try await withCluster(.multiAZ) { servers, other in
            var configuration = try Cluster.Configuration(
                url: servers.clusterURL,
                maxConnections: 4
            )
            configuration.pool.resolver = { [weak servers] in servers?.resolve($0) ?? [] }
            let (reader, writer) = try {
                let cluster = try Cluster(configuration: configuration)
                return (cluster.reader, cluster.writer)
            }()
            try await eventually("a reader serves") {
                try await reader.query(role).decode(Bool.self) == [true]
            }
            await writer.shutdown()
        }
    }
}
