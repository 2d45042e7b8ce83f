import PGPool
import PGPoolTesting
import Testing

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
}
