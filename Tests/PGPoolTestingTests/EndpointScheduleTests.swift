import Testing

@testable import PGPoolTesting

/// Where an endpoint leads, and when.
struct EndpointScheduleTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func aChangeCountsFromItsMoment() {
        var schedule = EndpointSchedule([1], since: start)
        schedule.lead(to: [2], from: at(20))
        #expect(
            [-1, 0, 19, 20, 99].map { schedule.nodes(at: at($0)) } == [[1], [1], [1], [2], [2]]
        )
    }

    @Test func aLaterPlanReplacesWhatWasPlannedAfterIt() {
        var schedule = EndpointSchedule([1], since: start)
        schedule.lead(to: [2], from: at(20))
        schedule.lead(to: [3], from: at(5))
        #expect([4, 5, 25].map { schedule.nodes(at: at($0)) } == [[1], [3], [3]])
    }

    @Test func itFlapsBack() {
        var schedule = EndpointSchedule([2], since: start)
        schedule.lead(to: [1], from: at(1))
        schedule.lead(to: [2], from: at(3))
        #expect([0, 1, 2, 3].map { schedule.nodes(at: at($0)) } == [[2], [1], [1], [2]])
    }

    @Test func whatIsOverIsForgotten() {
        var schedule = EndpointSchedule([1], since: start)
        schedule.lead(to: [2], from: at(1))
        schedule.lead(to: [3], from: at(9))
        schedule.compact(at: at(5))
        var expected = EndpointSchedule([2], since: at(1))
        expected.lead(to: [3], from: at(9))
        #expect(schedule == expected)
    }

    @Test func namesAndAddressesAreTheClustersOwn() throws {
        let plan = AddressPlan(network: "127.20.3", port: 1, forwards: true, label: "cx")
        #expect(plan.host(of: 2) == "127.20.3.2")
        #expect(plan.serverHost(of: 2) == "127.20.3.102")
        #expect(plan.clusterName == "pgpool.cluster-cx.local-1.rds.amazonaws.com")
        #expect(plan.instancePattern.replacing("?", with: "2") == plan.instanceName(of: 2))
        #expect(Set(plan.addresses).count == plan.addresses.count)
        let single = try AddressPlan.make(forwards: false, isSingle: true)
        #expect(single.host(of: 1) == "127.0.0.1")
    }
}
