import Testing

@testable import pool_bench

@Suite struct PgbenchOutputTests {
    private static let complete = """
        pgbench (15.18 (Debian 15.18-0+deb12u1))
        transaction type: /tmp/b.sql
        scaling factor: 1
        query mode: prepared
        number of clients: 16
        number of threads: 2
        maximum number of tries: 1
        duration: 3 s
        number of transactions actually processed: 84507
        number of failed transactions: 12 (0.014%)
        latency average = 0.558 ms
        initial connection time = 69.389 ms
        tps = 28688.423024 (without initial connection time)
        """

    @Test func readsTheFigures() throws {
        let output = try #require(PgbenchOutput(Self.complete))
        #expect(output.transactions == 84507)
        #expect(output.failed == 12)
        #expect(output.throughput == 28688.423024)
    }

    @Test func readsAnOlderVersion() throws {
        let text = """
            number of transactions actually processed: 500/1000
            tps = 90.5 (including connections establishing)
            tps = 100.25 (excluding connections establishing)
            """
        let output = try #require(PgbenchOutput(text))
        #expect(output.transactions == 500)
        #expect(output.failed == 0)
        #expect(output.throughput == 100.25)
    }

    @Test(arguments: ["number of transactions", "tps =", "number of failed"])
    func refusesWhatLacksAFigure(_ label: String) {
        let lines = Self.complete.split(separator: "\n")
        let broken = lines.map { $0.hasPrefix(label) ? "\(label) gibberish" : String($0) }
        if label == "number of failed" {
            let unreadable = Self.complete.replacing("transactions: 12", with: "transactions: x")
            #expect(PgbenchOutput(unreadable) == nil)
        } else {
            #expect(PgbenchOutput(broken.joined(separator: "\n")) == nil)
        }
    }

    @Test func refusesARunThatNeverBegan() {
        #expect(PgbenchOutput("") == nil)
        #expect(PgbenchOutput("pgbench: error: connection to server failed") == nil)
    }
}
