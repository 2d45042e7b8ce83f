import ArgumentParser

@testable import pool_bench

/// Runs the verbs' drills without their way in and out.
enum Drill {
    /// What `pool-bench failover` measures with these options.
    static func failover(_ words: [String]) async throws -> BenchResult {
        let command = try FailoverCommand.parse(words)
        let plan = command.plan
        return try await run(command.setting, plan, "failover") { session, _ in
            for fault in plan.faults {
                guard try await session.play(fault) else { break }
            }
            return nil
        }
    }

    /// What `pool-bench soak` measures with these options.
    static func soak(_ words: [String]) async throws -> BenchResult {
        let command = try SoakCommand.parse(words)
        let (plan, lead) = command.planAndLead
        return try await run(command.setting, plan, "soak") { session, stage in
            guard let cluster = stage.cluster else { return nil }
            return try await lead.run(session, on: cluster)
        }
    }

    private static func run(
        _ setting: DrillStage.Setting,
        _ plan: DrillPlan,
        _ scenario: String,
        _ lead: @escaping @Sendable (DrillSession, DrillStage) async throws -> SoakFigures?
    ) async throws -> BenchResult {
        let stage = try await DrillStage.start(setting)
        do {
            let result = try await DrillStage.drill(
                setting,
                plan,
                stage,
                scenario,
                StopSignal(),
                lead
            )
            await stage.shutdown()
            return result
        } catch {
            await stage.shutdown()
            throw error
        }
    }
}
