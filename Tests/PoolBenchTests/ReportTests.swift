import Foundation
import FoundationXML
import Testing

@testable import pool_bench

@Suite struct ReportTests {
    /// Parses the page as XML and returns its elements' names and its text.
    private func parse(_ page: String) throws -> PageReader {
        let reader = PageReader()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = reader
        let isWellFormed = parser.parse()
        #expect(isWellFormed, "\(String(describing: parser.parserError)) line \(parser.lineNumber)")
        return reader
    }

    private func named(_ name: String, _ result: BenchResult) -> NamedResult {
        NamedResult(name: name, result: result)
    }

    @Test func onePageForOneResult() throws {
        let result = SampleResult.run(
            errors: ["acquireTimeout": 3],
            baselines: [SampleResult.baseline]
        )
        let page = try parse(HTMLReport([named("run exclusive", result)]).page)
        #expect(page.elements["svg"] == 4)
        #expect(page.elements["table"] == 1)
        #expect(page.text.contains("Latency by percentile"))
        #expect(page.text.contains("Throughput over time"))
        #expect(page.text.contains("Errors over time"))
        #expect(page.text.contains("acquireTimeout 3"))
        #expect(page.text.contains("0.893"))
    }

    @Test func onePageForSeveralResults() throws {
        let results = (1...30).map { named("result \($0)", SampleResult.run()) }
        let page = try parse(HTMLReport(results).page)
        #expect(page.elements["svg"] == 3)
        #expect(page.elements["polyline"] == 90)
        #expect(page.text.contains("result 30"))
    }

    @Test func aSpikeShowsItsRounds() throws {
        var result = SampleResult.run()
        result.scenario = "spike"
        result.burst = 1000
        let page = try parse(HTMLReport([named("spike", result)]).page)
        #expect(page.text.contains("Bursts"))
        #expect(!page.text.contains("Throughput over time"))
    }

    @Test func aDrillMarksItsPhasesAndListsItsRounds() throws {
        let page = try parse(HTMLReport([named("failover", SampleResult.drill())]).page)
        #expect(page.text.contains("Throughput over time"))
        #expect(page.text.contains("Errors over time"))
        // Three phases a round, in both pictures.
        #expect(page.elements["rect"] == 12)
        #expect(page.text.contains("round 2: freeze"))
        #expect(page.elements["table"] == 2)
        #expect(page.text.contains("Pale red"))
        #expect(page.text.contains("rows lost"))
    }

    @Test func severalDrillsShareAPictureWithoutPhases() throws {
        let drills = [named("a", SampleResult.drill()), named("b", SampleResult.drill())]
        let page = try parse(HTMLReport(drills).page)
        #expect(page.elements["rect"] == nil)
        #expect(page.elements["table"] == 3)
    }

    @Test func aPhaseThatNeverCameIsNotMarked() {
        var rounds = SampleResult.drill().rounds ?? []
        rounds[0].throughputBack = nil
        rounds[1].promoted = nil
        let bands = ReportPlots.bands(rounds)
        #expect(bands.map(\.kind) == [.outage, .promotion])
        #expect(bands[0].from == 0.4)
        #expect(abs(bands[1].to - 0.53) < 1e-9)
    }

    @Test func anInterruptedRunWithoutOperationsStillHasAPage() throws {
        var result = SampleResult.run()
        result.series = []
        result.operations = 0
        result.throughput = 0
        result.histogram.buckets = []
        let page = try parse(HTMLReport([named("nothing", result)]).page)
        #expect(page.elements["svg"] == nil)
        #expect(page.elements["table"] == 1)
    }

    @Test func loadsNothingFromElsewhere() {
        let page = HTMLReport([named("x", SampleResult.run())]).page
        let links = page.matches(of: /https?:\/\/[^"']*/).map { String($0.output) }
        #expect(Set(links) == ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"])
        #expect(!page.contains("<script") && !page.contains("@import") && !page.contains("url("))
    }

    @Test func escapesWhatOthersWrote() throws {
        let nasty = "</svg><script>alert('1')</script>&\"\u{1}"
        let result = SampleResult.run(errors: [nasty: 1], statement: nasty)
        let page = HTMLReport([named(nasty, result), named("b", result)]).page
        #expect(!page.contains("<script"))
        #expect(try parse(page).text.contains("alert('1')"))
    }
}

/// Collects what an XML parser sees.
private final class PageReader: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]
    var text = ""

    func parser(
        _ parser: XMLParser,
        didStartElement elementName: String,
        namespaceURI: String?,
        qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements[elementName, default: 0] += 1
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        text += string
    }
}
