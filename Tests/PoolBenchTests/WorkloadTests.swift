import ArgumentParser
import Foundation
import Testing

@testable import pool_bench

@Suite struct WorkloadTests {
    @Test func asksPgbenchTheSame() throws {
        let workload = try Workload(mode: .exclusive)
        #expect(workload.statement == "select $1::int")
        #expect(workload.hasParameter && workload.returnsParameter)
        #expect(workload.pgbenchScript == "\\set x random(1, 1000000)\nselect :x::int;\n")
    }

    @Test func putsATransactionAroundIt() throws {
        let workload = try Workload(statement: "select 1;\n", mode: .transaction)
        #expect(!workload.hasParameter && !workload.returnsParameter)
        #expect(workload.pgbenchScript == "begin;\nselect 1;\nend;\n")
    }

    @Test func givesOneStatementARoundTripEnoughConnections() {
        #expect(BaselineName.pgbench.connections(.shared, poolSize: 4) == 16)
        #expect(BaselineName.pgbench.connections(.shared, poolSize: 32) == 32)
        #expect(BaselineName.libpqPipeline.connections(.shared, poolSize: 4) == 4)
        #expect(BaselineName.pgbench.connections(.exclusive, poolSize: 4) == 4)
    }

    @Test(arguments: ["", "  \n", ";", "select 1; select 2", "select $1::int, $2::int"])
    func refusesWhatIsNotOneStatement(_ text: String) {
        #expect(throws: ValidationError.self) { try Workload(statement: text, mode: .statement) }
    }

    @Test func readsAScript() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data("select $1::int + 1;\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let workload = try Workload(script: file.path, mode: .statement)
        #expect(workload.statement == "select $1::int + 1")
        #expect(workload.hasParameter && !workload.returnsParameter)
    }

    @Test func drawsRepeatableParametersInRange() {
        var first = ParameterGenerator(seed: 7, worker: 1)
        var again = ParameterGenerator(seed: 7, worker: 1)
        var other = ParameterGenerator(seed: 7, worker: 2)
        let values = (0..<1000).map { _ in first.next() }
        #expect(values.allSatisfy(Workload.parameters.contains))
        #expect(values == (0..<1000).map { _ in again.next() })
        #expect(values != (0..<1000).map { _ in other.next() })
    }
}
