import ArgumentParser
import Testing

@testable import pool_bench

@Suite struct ArgumentTests {
    /// What a person reads who typed these words.
    private func complaint(_ words: String...) -> String? {
        do {
            _ = try PoolBench.parseAsRoot(words)
            return nil
        } catch {
            #expect(PoolBench.exitCode(for: error) == .validationFailure)
            return PoolBench.message(for: error)
        }
    }

    @Test func acceptsTheDocumentedCommandLines() {
        #expect(complaint("run") == nil)
        #expect(
            complaint(
                "run",
                "--workers",
                "256",
                "--pool-size",
                "16",
                "--mode",
                "statement",
                "--duration",
                "20s",
                "--baseline",
                "pgbench",
                "--baseline",
                "libpq",
                "--pairs",
                "7",
                "--json",
                "-",
                "--html",
                "/tmp/x.html",
                "--max-errors",
                "3",
                "--seed",
                "42"
            ) == nil
        )
        #expect(
            complaint(
                "spike",
                "--burst",
                "50",
                "--min-idle",
                "5",
                "--pool-size",
                "50",
                "--connect-delay",
                "150ms",
                "--work",
                "2ms",
                "--rounds",
                "9"
            ) == nil
        )
        #expect(complaint("report", "a.json", "b.json", "--html", "out.html") == nil)
    }

    @Test(
        arguments: [
            (["--workers", "0"], "--workers 0: must be from 1 to 100000"),
            (["--workers", "100001"], "--workers 100001: must be from 1 to 100000"),
            (["--pool-size", "0"], "--pool-size 0: must be from 1 to 10000"),
            (["--duration", "1ms"], "--duration 1ms: must be from 100ms to 24h"),
            (["--max-errors", "-1"], "--max-errors"),
            (["--duration", "20"], "a number and a unit"),
            (["--pairs", "3"], "--pairs 3: needs a --baseline"),
            (["--pairs", "0", "--baseline", "pgbench"], "--pairs 0: must be from 1 to 1000"),
            (["--mode", "sideways"], "sideways"),
            (["--baseline", "oracle"], "oracle"),
            (["--commit", "verified"], "--commit verified: needs --mode transaction"),
            (["--mode", "idle", "--baseline", "libpq"], "no counterpart of --mode idle"),
            (["--mode", "mixed", "--baseline", "pgbench"], "no counterpart of --mode mixed"),
            (["--baseline", "libpq-pipeline"], "no counterpart of --mode exclusive"),
            (["--baseline", "libpq", "--baseline", "libpq"], "once"),
            (["--script", "/does/not/exist"], "--script /does/not/exist"),
            (["--html", "-"], "--html -"),
        ]
    )
    func namesTheOptionAndTheBound(_ words: [String], _ expected: String) throws {
        var message: String?
        do {
            _ = try PoolBench.parseAsRoot(["run"] + words)
        } catch {
            #expect(PoolBench.exitCode(for: error) == .validationFailure)
            message = PoolBench.message(for: error)
        }
        #expect(try #require(message).contains(expected))
    }

    @Test func boundsTheWarmConnectionsByThePool() throws {
        let message = complaint("spike", "--min-idle", "6", "--pool-size", "5")
        #expect(try #require(message).contains("--min-idle 6: must be from 1 to 5"))
    }

    @Test func wantsSomethingToReport() {
        #expect(complaint("report", "--html", "x.html") != nil)
    }

    @Test func cutsTheLoadIntoFiveSlicesWithABaseline() throws {
        let with = try RunCommand.parse(["--baseline", "libpq", "--duration", "10s"])
        let without = try RunCommand.parse(["--duration", "10s"])
        #expect(try with.plan(seed: 1).slice == .seconds(2))
        #expect(try without.plan(seed: 1).slice == .seconds(10))
        #expect(try without.plan(seed: 1).warmUp == .seconds(1))
    }
}
