import PGPoolTesting

/// Where a drill takes place: a cluster of our own, or somebody's.
struct DrillStage: Sendable {
    /// What a stage is made of.
    struct Setting: Sendable {
        var url: String?
        var cluster: LocalCluster.Configuration
        var target: DrillTargetName
        var instancePattern: String?
    }

    let control: any FaultControl
    /// `nil` for somebody's.
    let cluster: LocalCluster?
    private let end: @Sendable () async -> Void

    static func start(_ setting: Setting) async throws -> DrillStage {
        if let url = setting.url {
            let control = try ManualControl(url: url)
            return DrillStage(control: control, cluster: nil) { await control.shutdown() }
        }
        let cluster = try await LocalCluster.start(setting.cluster)
        return DrillStage(control: LocalControl(cluster: cluster), cluster: cluster) {
            await cluster.shutdown()
        }
    }

    func shutdown() async { await end() }

    /// Runs a drill on a stage of its own and ends the process with the status it deserves.
    ///
    /// - Throws: The exit status, or why nothing could be measured.
    static func play(
        _ setting: Setting,
        _ plan: DrillPlan,
        _ options: LoadOptions,
        scenario: String,
        _ lead: @escaping @Sendable (DrillSession, DrillStage) async throws -> SoakFigures?
    ) async throws {
        try await Scene.play(
            options,
            judge: { DrillVerdict.shortcomings(of: $0, maxErrors: options.maxErrors) },
            start: {
                Console.progress(setting.url == nil ? "starting a cluster" : "connecting")
                return try await start(setting)
            },
            end: { await $0.shutdown() },
            { stage, interruption in
                try await interruption.cancellable {
                    try await drill(setting, plan, stage, scenario, interruption.stop, lead)
                }
            }
        )
    }

    /// Makes the target, and leads a drill on it.
    static func drill(
        _ setting: Setting,
        _ plan: DrillPlan,
        _ stage: DrillStage,
        _ scenario: String,
        _ stop: StopSignal,
        _ lead: @escaping @Sendable (DrillSession, DrillStage) async throws -> SoakFigures?
    ) async throws -> BenchResult {
        let target = try setting.makeTarget(plan, stage)
        do {
            let session = try await DrillSession(
                scenario: scenario,
                plan: plan,
                target: target,
                control: stage.control,
                stop: stop
            )
            var result = try await session.run { try await lead($0, stage) }
            result.settings.target = setting.target
            await target.shutdown()
            return result
        } catch {
            await target.shutdown()
            throw error
        }
    }
}

extension DrillStage.Setting {
    /// Makes the target; the only place that knows of all kinds.
    fileprivate func makeTarget(_ plan: DrillPlan, _ stage: DrillStage) throws -> any DrillTarget {
        let local = stage.control as? LocalControl
        switch target {
        case .pool:
            return try PoolTarget(url: local?.allNodesURL ?? stage.control.writerURL, plan: plan)
        case .cluster:
            guard let local else {
                return try ClusterTarget(
                    url: stage.control.writerURL,
                    pattern: instancePattern,
                    resolver: nil,
                    plan: plan
                )
            }
            return try ClusterTarget(local: local, plan: plan)
        }
    }
}

extension ClusterTarget {
    /// A local cluster by its endpoint's name, as a service would have it. A cluster without
    /// functions that tell its members is given all of them.
    fileprivate init(local: LocalControl, plan: DrillPlan) throws {
        let cluster = local.cluster
        let knowsMembers = cluster.configuration.flavor != .plain
        try self.init(
            url: knowsMembers
                ? cluster.url(for: .application, host: cluster.clusterEndpointName)
                : local.allNodesURL,
            pattern: knowsMembers ? cluster.instancePattern : nil,
            resolver: { cluster.resolve($0) },
            plan: plan
        )
    }
}
