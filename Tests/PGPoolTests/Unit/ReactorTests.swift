import PGPoolCore
import Synchronization
import Testing

@testable import PGPool

#if canImport(Glibc)
    import CLibPQ
    import Glibc
#endif

@Suite("The reactor")
struct ReactorTests {
    static let backends: [Reactor.Backend] = [.automatic, .poll]

    /// Notes when its deadline passes.
    private final class Handler: ReactorHandler {
        let gate = Gate()
        let firedAt = Atomic<Int64>(0)

        func reactorReady(_ readiness: Readiness, _ finished: inout [PGPool.Operation]) {}
        func reactorDeadlinePassed() {
            firedAt.store(Instant.now.nanoseconds, ordering: .releasing)
            gate.open()
        }
    }

    @Test("Deadlines pass in their order, not before their time", arguments: backends)
    func deadlines(backend: Reactor.Backend) async throws {
        let reactor = Reactor(backend: backend)
        defer { reactor.shutDown() }
        let (late, early) = (Handler(), Handler())
        let start = Instant.now
        let lateToken = try #require(reactor.register(late))
        let earlyToken = try #require(reactor.register(early))
        reactor.setDeadline(start + .milliseconds(40), lateToken)
        reactor.setDeadline(start + .milliseconds(10), earlyToken)
        await early.gate.wait()
        await late.gate.wait()
        let (first, second) = (
            early.firedAt.load(ordering: .acquiring), late.firedAt.load(ordering: .acquiring)
        )
        #expect(first <= second)
        #expect(first >= (start + .milliseconds(10)).nanoseconds)
        #expect(second >= (start + .milliseconds(40)).nanoseconds)
    }

    @Test("A deadline that is put off or taken back does not pass", arguments: backends)
    func putOff(backend: Reactor.Backend) async throws {
        let reactor = Reactor(backend: backend)
        defer { reactor.shutDown() }
        let (handler, other) = (Handler(), Handler())
        let token = try #require(reactor.register(handler))
        let otherToken = try #require(reactor.register(other))
        let start = Instant.now
        reactor.setDeadline(start + .milliseconds(5), token)
        reactor.setDeadline(.distantFuture, token)
        reactor.setDeadline(start + .milliseconds(20), otherToken)
        await other.gate.wait()
        #expect(handler.firedAt.load(ordering: .acquiring) == 0)
    }

    @Test("Shut down again and again, it writes to nobody else's descriptor", arguments: backends)
    func shutDownTwice(backend: Reactor.Backend) throws {
        for _ in 0..<100 {
            let reactor = Reactor(backend: backend)
            reactor.shutDown()
            var others: [Int32] = []
            defer { for other in others { close(other) } }
            // Its thread ends meanwhile; what it let go of is given out again here.
            for _ in 0..<50 {
                others.append(eventfd(0, Int32(EFD_NONBLOCK)))
                reactor.shutDown()
            }
            for other in others {
                var count: UInt64 = 0
                try #require(read(other, &count, 8) < 0, "a reactor wrote to another's descriptor")
            }
        }
    }

    @Test("It runs tasks that prefer it", arguments: backends)
    func executor(backend: Reactor.Backend) async {
        let reactor = Reactor(backend: backend)
        defer { reactor.shutDown() }
        let sum = await withTaskExecutorPreference(reactor) {
            await withTaskGroup(of: Int.self) { group in
                for n in 1...100 {
                    group.addTask {
                        await Task.yield()
                        return n
                    }
                }
                return await group.reduce(0, +)
            }
        }
        #expect(sum == 5_050)
    }

    @Test("A group runs tasks on its own threads", arguments: backends)
    func group(backend: Reactor.Backend) async {
        let group = ReactorGroup(threads: 2, backend: backend)
        defer { group.shutDown() }
        let threads = await withTaskExecutorPreference(group) {
            await withTaskGroup(of: Set<ObjectIdentifier?>.self) { tasks in
                for _ in 1...100 {
                    tasks.addTask {
                        var seen: Set<ObjectIdentifier?> = []
                        for _ in 1...100 {
                            seen.insert(Reactor.current.map { ObjectIdentifier($0) })
                            await Task.yield()
                        }
                        return seen
                    }
                }
                return await tasks.reduce(into: Set<ObjectIdentifier?>()) { $0.formUnion($1) }
            }
        }
        #expect(threads.isSubset(of: group.reactors.map { ObjectIdentifier($0) }))
    }

    @Test("A thread of a group that is busy gives half of its work to one that sleeps")
    func sharing() async {
        let group = ReactorGroup(threads: 2)
        defer { group.shutDown() }
        // Each job waits until both threads have run one: alone, a thread would never get on.
        let arrived = Arrivals()
        await withTaskExecutorPreference(group) {
            await withTaskGroup { tasks in
                for _ in 1...1_000 {
                    tasks.addTask {
                        while arrived.count < 2 {
                            if let reactor = Reactor.current { arrived.note(reactor) }
                            await Task.yield()
                        }
                    }
                }
            }
        }
        #expect(arrived.count == 2)
    }

    /// Which reactors have run a job.
    private final class Arrivals: Sendable {
        private let reactors = Mutex<Set<ObjectIdentifier>>([])

        var count: Int { reactors.withLock { $0.count } }

        func note(_ reactor: Reactor) {
            reactors.withLock { _ = $0.insert(ObjectIdentifier(reactor)) }
        }
    }
}
