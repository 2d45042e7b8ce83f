import ArgumentParser

@main
struct PoolBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pool-bench")
}
