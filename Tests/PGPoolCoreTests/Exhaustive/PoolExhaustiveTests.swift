import Foundation
import Testing

@testable import PGPoolCore

/// Two connections, three waiters, every order of events up to a depth.
///
/// Environment: `EXHAUSTIVE_DEPTH=n` adds `n` (it may be negative) to each depth.
@Suite struct PoolExhaustiveTests {
    struct Scope: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let depth: Int
        let alphabet: PoolSearch.Alphabet
    }

    @Test("Every promise holds in every order of events", arguments: Self.scopes)
    func holdsInEveryOrder(scope: Scope) throws {
        let more = ProcessInfo.processInfo.environment["EXHAUSTIVE_DEPTH"].flatMap { Int($0) } ?? 0
        var search = PoolSearch(scope.alphabet)
        do {
            try search.run(depth: max(1, scope.depth + more))
        } catch {
            let path = search.path.map { "\($0)" }.joined(separator: "\n")
            throw Violation("\(scope.testDescription): \(error)\nafter\n\(path)")
        }
        if ProcessInfo.processInfo.environment["EXHAUSTIVE_VERBOSE"] != nil {
            print("\(scope.testDescription): \(search.eventCount), \(search.stateCount) states")
        }
        #expect(search.eventCount > 10_000)
    }

    /// Times are in nanoseconds, a few of them, so that few differ; a lifetime of less than four has
    /// no jitter.
    private static let scopes: [Scope] = [
        Scope(
            testDescription: "callers and dials",
            depth: 10,
            alphabet: .init(settings: settings(), timeouts: [3, 8])
        ),
        Scope(
            testDescription: "upkeep: lifetime, keep-alive, idle window, validation",
            depth: 11,
            alphabet: .init(
                settings: settings {
                    $0.minIdle = 1
                    $0.maxConcurrentOpenings = 1
                    $0.validationBypass = .nanoseconds(2)
                    $0.maxLifetime = .nanoseconds(3)
                    $0.keepAliveInterval = .nanoseconds(2)
                    $0.idleTimeout = .nanoseconds(4)
                    $0.longLeaseThreshold = .nanoseconds(3)
                },
                timeouts: [6]
            )
        ),
        Scope(
            testDescription: "statements that share beside callers that do not",
            depth: 9,
            alphabet: .init(
                settings: settings {
                    $0.sharedDepth = 2
                    $0.sharedPatience = .nanoseconds(2)
                },
                timeouts: [8],
                maxWaiters: 4,
                hasStatements: true
            )
        ),
        Scope(
            testDescription: "levers: evict, pause, resume, resize",
            depth: 10,
            alphabet: .init(
                settings: settings { $0.validationBypass = .zero },
                timeouts: [6],
                hasLevers: true
            )
        ),
        Scope(
            testDescription: "failover: admission, leases cut short",
            depth: 9,
            alphabet: .init(settings: settings(), timeouts: [6], hasFailover: true)
        ),
        Scope(
            testDescription: "failover among statements that share, and drains",
            depth: 7,
            alphabet: .init(
                settings: settings {
                    $0.sharedDepth = 2
                    $0.longLeaseThreshold = .nanoseconds(3)
                },
                timeouts: [8],
                hasDrain: true,
                hasStatements: true,
                hasFailover: true
            )
        ),
        Scope(
            testDescription: "levers and drains",
            depth: 8,
            alphabet: .init(
                settings: settings { $0.minIdle = 2 },
                timeouts: [8],
                hasLevers: true,
                hasDrain: true
            )
        ),
    ]

    private static func settings(
        _ change: (inout PoolSettings) -> Void = { _ in }
    ) -> PoolSettings {
        var settings = PoolSettings(maxConnections: 2)
        settings.openingTimeout = .nanoseconds(5)
        settings.quarantineTimeout = .nanoseconds(4)
        settings.maxLifetime = nil
        settings.idleTimeout = nil
        settings.keepAliveInterval = nil
        settings.longLeaseThreshold = nil
        let delay = Duration.nanoseconds(2)
        settings.backoff = Backoff(base: delay, maximum: delay, minimum: delay)
        change(&settings)
        return settings
    }
}
