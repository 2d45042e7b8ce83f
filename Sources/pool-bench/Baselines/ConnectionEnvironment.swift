import CPoolBenchBaselines

/// Hands a server's address and password to a child without putting them among its arguments,
/// where every user of the machine could read them.
enum ConnectionEnvironment {
    /// libpq's environment variables for a connection string; none if it is no connection string.
    static func variables(of connectionString: String) -> [String: String] {
        guard let list = pool_bench_environment(connectionString) else { return [:] }
        defer { pool_bench_environment_free(list) }
        var variables: [String: String] = [:]
        var index = 0
        while let name = list[index], let value = list[index + 1] {
            variables[String(cString: name)] = String(cString: value)
            index += 2
        }
        return variables
    }
}
