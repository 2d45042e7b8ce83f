/// The server under load: a throwaway one, or somebody's.
struct BenchServer: Sendable {
    let url: String
    let shutdown: @Sendable () async -> Void

    /// The URL of the same server through another port of this machine's.
    ///
    /// In libpq's URLs and strings what is said later prevails.
    func url(port: Int) -> String {
        guard url.contains("://") else { return "\(url) host=127.0.0.1 port=\(port)" }
        return url + (url.contains("?") ? "&" : "?") + "host=127.0.0.1&port=\(port)"
    }

    /// Makes connects to the server slow.
    func forwarder(connectDelay: Duration) throws -> Forwarder {
        let variables = ConnectionEnvironment.variables(of: url)
        let host = variables["PGHOST"] ?? "localhost"
        guard !host.hasPrefix("/"), !host.contains(",") else {
            throw ForwarderError("needs a server on one TCP address, not \(host)")
        }
        return try Forwarder(
            host: host,
            port: variables["PGPORT"].flatMap { Int($0) } ?? 5432,
            connectDelay: connectDelay
        )
    }
}
