import Logging
import PGPoolTesting
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Notifications")
struct NotificationIntegrationTests {
    private func notify(_ channel: String, _ payload: String, _ pool: ConnectionPool) async throws {
        try await pool.query("SELECT pg_notify(\(channel), \(payload))")
    }

    /// The process that listens.
    private func listenerPID(_ cluster: LocalCluster, _ name: String) async throws -> String {
        try await cluster.execute(
            """
            SELECT coalesce(max(pid)::text, '') FROM pg_stat_activity
            WHERE application_name = '\(name)' AND query LIKE 'LISTEN%'
            """
        )
    }

    private func payload(_ event: NotificationEvent?) -> String? {
        if case .notification(let notification)? = event { notification.payload } else { nil }
    }

    @Test("Several channels: name, payload to the byte, sender")
    func delivery() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let odd = "we\"ird; DROP TABLE x; --"
            let events = try await pool.listen(to: ["Delivery", odd])
            var iterator = events.makeAsyncIterator()
            let payloads = [
                "", "plain", "naïve \u{1F600}\n\t\"';", String(repeating: "x", count: 7_999),
            ]
            let sender = try await pool.withConnection { $0.backendPID }
            for channel in ["Delivery", odd] {
                for text in payloads {
                    try await notify("delivery", "another channel", pool)
                    try await notify(channel, text, pool)
                    let expected = PostgresNotification(
                        channel: channel,
                        payload: text,
                        senderPID: sender
                    )
                    #expect(await iterator.next() == .notification(expected))
                }
            }
            #expect(pool.snapshot.total == 1, "a listener is no connection of the pool's own")
        }
    }

    @Test("Cancelled while notifications pour in, hundreds of times")
    func cancelledInTheFlood() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 2) { pool in
            let flood = Task {
                while !Task.isCancelled {
                    try await pool.query(
                        "SELECT pg_notify('flood', i::text) FROM generate_series(1, 50) i"
                    )
                }
            }
            for round in 0..<400 {
                let events = try await pool.listen(to: ["flood"])
                let reached = Flag()
                let reading = Task {
                    var count = 0
                    for await _ in events {
                        count += 1
                        if count > round % 60 { reached.set() }
                    }
                }
                try await eventually("it reads") { reached.isSet }
                reading.cancel()
                await reading.value
            }
            flood.cancel()
            _ = await flood.result
        }
    }

    @Test("Ten thousand arrive in their order")
    func order() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let events = try await pool.listen(to: ["in_order"])
            for block in 0..<10 {
                try await pool.query(
                    """
                    SELECT pg_notify('in_order', i::text)
                    FROM generate_series(\(block * 1_000), \(block * 1_000 + 999)) i
                    """
                )
            }
            var expected = 0
            for await event in events {
                #expect(payload(event) == String(expected))
                expected += 1
                if expected == 10_000 { break }
            }
            #expect(expected == 10_000)
        }
    }

    @Test("A slow reader loses what its buffer cannot hold, and is told how many")
    func overflow() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 1) { pool in
            let events = try await pool.listen(to: ["overflow"], bufferLimit: 10)
            try await pool.query(
                "SELECT pg_notify('overflow', i::text) FROM generate_series(1, 100) i"
            )
            // What is notified later is read later: when this arrives at one with room, all did.
            let witness = try await pool.listen(to: ["overflow"])
            try await notify("overflow", "101", pool)
            var seenByWitness = witness.makeAsyncIterator()
            #expect(payload(await seenByWitness.next()) == "101")
            var iterator = events.makeAsyncIterator()
            for number in 1...10 { #expect(payload(await iterator.next()) == String(number)) }
            guard case .gap(.overflow(let dropped))? = await iterator.next() else {
                Issue.record("no gap where notifications are missing")
                return
            }
            #expect(dropped == 90 || dropped == 91)
        }
    }

    @Test("A killed backend is replaced: a gap, then what is notified after it", arguments: [1, 3])
    func killed(times: Int) async throws {
        let cluster = try await Servers.plain.value
        let name = "listener_killed_\(times)"
        try await withPool(on: cluster, maxConnections: 1, configure: { $0.name = name }) { pool in
            var iterator = try await pool.listen(to: [name]).makeAsyncIterator()
            for round in 1...times {
                let pid = try await listenerPID(cluster, name)
                #expect(
                    try await cluster.execute("SELECT pg_terminate_backend(\(pid), 5000)") == "t"
                )
                #expect(await iterator.next() == .gap(.connectionLost))
                try await notify(name, String(round), pool)
                #expect(payload(await iterator.next()) == String(round))
            }
        }
    }

    @Test("A backend that hangs without closing its socket is asked, and replaced: a gap is told")
    func frozen() async throws {
        let cluster = try await Servers.plain.value
        let name = "listener_frozen"
        try await withPool(
            on: cluster,
            maxConnections: 1,
            configure: {
                $0.name = name
                $0.upkeep.keepAliveInterval = .milliseconds(100)
                $0.upkeep.probeTimeout = .milliseconds(200)
            }
        ) { pool in
            let events = try await pool.listen(to: [name])
            let pid = try #require(pid_t(try await listenerPID(cluster, name)))
            kill(pid, SIGSTOP)
            defer { kill(pid, SIGCONT) }
            let isTold = Flag()
            let reading = Task {
                var iterator = events.makeAsyncIterator()
                #expect(await iterator.next() == .gap(.connectionLost))
                isTold.set()
                return await iterator.next()
            }
            defer { reading.cancel() }
            try await eventually("the gap is told") { isTold.isSet }
            try await notify(name, "after", pool)
            #expect(payload(await reading.value) == "after")
        }
    }

    @Test("A server that restarts: a gap, then what is notified after it")
    func restarted() async throws {
        try await LocalCluster.with { cluster in
            try await withPool(
                on: cluster,
                maxConnections: 1,
                configure: { $0.acquire.timeout = .seconds(30) }
            ) { pool in
                var iterator = try await pool.listen(to: ["restart"]).makeAsyncIterator()
                try await cluster.restart(mode: .immediate)
                #expect(await iterator.next() == .gap(.connectionLost))
                try await eventually("the pool answers") {
                    (try? await pool.query("SELECT 1")) != nil
                }
                try await notify("restart", "after", pool)
                #expect(payload(await iterator.next()) == "after")
            }
        }
    }

    @Test("Left by break, by cancellation, by letting go, by shutdown: nothing stays")
    func nothingStays() async throws {
        let cluster = try await Servers.plain.value
        let name = "listener_left"
        try await withPool(on: cluster, maxConnections: 1, configure: { $0.name = name }) { pool in
            func isGone(_ how: String) async throws {
                try await eventually("the listener is gone after \(how)") {
                    let pid = try await listenerPID(cluster, name)
                    return pool.listeners.count == 0 && pid == ""
                }
            }
            let left = try await pool.listen(to: ["left"])
            try await notify("left", "1", pool)
            for await _ in left { break }
            try await isGone("break")
            for await _ in left { Issue.record("it can be iterated once") }
            let task = Task {
                for await _ in try await pool.listen(to: ["left"]) {}
            }
            try await eventually("it listens") { try await listenerPID(cluster, name) != "" }
            task.cancel()
            _ = await task.result
            try await isGone("cancellation")
            _ = try await pool.listen(to: ["left"])
            try await isGone("letting go")
            let ended = try await pool.listen(to: ["left"])
            await pool.shutdown()
            #expect(pool.listeners.count == 0)
            for await _ in ended { Issue.record("nothing was notified") }
            try await isGone("shutdown")
            let late = try await poolError { _ = try await pool.listen(to: ["left"]) }
            #expect(late.code == .shutDown)
        }
    }

    @Test("A shutdown ends one that is still connecting", arguments: [true, false])
    func shutdownWhileConnecting(hangs: Bool) async throws {
        struct Unknown: Error {}
        let end = Gate()
        defer { end.open() }
        let looksUp = Flag()
        var configuration = try ConnectionPool.Configuration(
            url: "postgresql://app@nowhere.invalid/app",
            maxConnections: 1
        )
        configuration.opening.timeout = .seconds(60)
        configuration.opening.backoffBase = .seconds(30)
        configuration.opening.backoffMaximum = .seconds(30)
        configuration.resolver = { _ in
            looksUp.set()
            if hangs { await end.wait() }
            throw Unknown()
        }
        let pool = try ConnectionPool(configuration: configuration)
        let listening = Task {
            for await _ in try await pool.listen(to: ["late"], timeout: .seconds(120)) {}
        }
        try await eventually("it connects") { looksUp.isSet }
        let isShutDown = Flag()
        let ending = Task {
            await pool.shutdown()
            isShutDown.set()
        }
        defer { listening.cancel() }
        try await eventually("shutdown returns", within: .seconds(10)) { isShutDown.isSet }
        await ending.value
        let error = try await poolError { try await listening.value }
        #expect(error.code == .shutDown)
    }

    @Test("Bounds: channels, buffer, listeners; an unreachable server says why")
    func bounds() async throws {
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.maxListeners = 2 }
        ) { pool in
            for channels in [[], [""], ["a", String(repeating: "b", count: 64)]] {
                let error = try await poolError { _ = try await pool.listen(to: channels) }
                #expect(error.code == .invalidConfiguration)
            }
            let limit = try await poolError { _ = try await pool.listen(to: ["a"], bufferLimit: 0) }
            #expect(limit.code == .invalidConfiguration)
            let first = try await pool.listen(to: [String(repeating: "b", count: 63)])
            let second = try await pool.listen(to: ["b"])
            let third = try await poolError { _ = try await pool.listen(to: ["c"]) }
            #expect(third.code == .tooManyListeners)
            withExtendedLifetime((first, second)) {}
        }
        try await withPool(
            on: Servers.plain.value,
            maxConnections: 1,
            configure: { $0.database = "no_such_database" }
        ) { pool in
            let error = try await poolError { _ = try await pool.listen(to: ["a"]) }
            #expect(error.code == .connectFailed && error.sqlState == .invalidCatalogName)
            #expect(pool.listeners.count == 0)
        }
    }

    @Test("Notices reach the logger")
    func notices() async throws {
        let log = KeptLog()
        let cluster = try await Servers.plain.value
        let pool = try ConnectionPool(
            configuration: .init(url: cluster.url, maxConnections: 1),
            logger: Logger(label: "test") { _ in log }
        )
        try await pool.query("DO $$ BEGIN RAISE NOTICE 'mind the step'; END $$")
        await pool.shutdown()
        let kept = log.messages.withLock { $0 }
        #expect(kept.contains { $0.contains("mind the step") && $0.contains("NOTICE") })
    }
}
