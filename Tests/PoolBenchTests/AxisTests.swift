import Testing

@testable import pool_bench

@Suite struct AxisTests {
    @Test(arguments: [0, 0.3, 1, 7, 40, 99.5, 1234, 41_300, 3_100_000])
    func aLinearAxisReachesTheLargestValueInFewSteps(_ largest: Double) throws {
        let axis = Axis.linear("y", upTo: largest) { Figures.compact($0) }
        #expect(axis.range.upperBound >= largest)
        #expect((2...7).contains(axis.ticks.count))
        #expect(axis.position(0) == 0)
        #expect(axis.position(axis.range.upperBound) == 1)
        #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count)
    }

    @Test func aWholeAxisHasNoFractions() {
        let axis = Axis.linear("errors", upTo: 1, isWhole: true) { Figures.compact($0) }
        #expect(axis.ticks.allSatisfy { $0.value == $0.value.rounded() })
    }

    @Test func anAxisOfTimesHasADecadeAtLeast() {
        let axis = Axis.logarithmicTime("latency", 0.3...0.31)
        #expect(axis.range == 0.1...1)
        #expect(axis.ticks.compactMap(\.label) == ["100 µs", "1 ms"])
        let wide = Axis.logarithmicTime("latency", 0.00021...2500)
        #expect(wide.ticks.compactMap(\.label).first == "100 ns")
        #expect(wide.ticks.compactMap(\.label).last == "10 s")
    }

    @Test func ninesAreEquallyFarApart() {
        let axis = Axis.percentile("share", count: 1_000_000)
        let places = [0.9, 0.99, 0.999, 0.9999].map(axis.position)
        for (near, far) in zip(places, places.dropFirst()) {
            #expect(abs(far - near - 1.0 / 6) < 1e-9)
        }
        #expect(axis.position(1) == 1)
        #expect(axis.ticks.compactMap(\.label).suffix(2) == ["99.999 %", "99.9999 %"])
    }

    @Test func figuresReadWell() {
        #expect(Figures.count(41_234.4) == "41,234")
        #expect(Figures.count(2_840_000) == "2.84 M")
        #expect(Figures.grouped(-1_234_567) == "-1,234,567")
        #expect(Figures.time(milliseconds: 0.000212) == "212 ns")
        #expect(Figures.time(milliseconds: 0.0452) == "45.2 µs")
        #expect(Figures.time(milliseconds: 1.309) == "1.31 ms")
        #expect(Figures.time(milliseconds: 2050) == "2.05 s")
        #expect(Figures.time(milliseconds: 0) == "0 ns")
    }

    @Test func theSummaryNamesBaselinesAndErrors() {
        let result = SampleResult.run(
            errors: ["a": 1, "b": 5],
            baselines: [SampleResult.baseline]
        )
        let text = Summary.text(of: result)
        #expect(text.hasPrefix("run exclusive: 256 workers, 16 connections\n"))
        #expect(text.contains("b 5, a 1"))
        #expect(text.contains("0.893"))
        #expect(!text.split(separator: "\n").contains { $0.hasSuffix(" ") })
    }
}
