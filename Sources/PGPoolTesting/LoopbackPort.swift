import Foundation

/// Ports for servers on the loopback interface.
enum LoopbackPort {
    /// A port that nobody listened on a moment ago, on any of the addresses.
    ///
    /// It lies outside the range that the kernel gives to outgoing connections. Inside it, a client
    /// that keeps dialling a stopped server is sooner or later given the server's own port,
    /// connects to itself, and the server can't start again.
    static func pick(on addresses: [String]) throws -> Int {
        let candidates = range(outside: ephemeralRange())
        for _ in 0..<1000 {
            let port = Int.random(in: candidates)
            if addresses.allSatisfy({ isFree(port, on: $0) }) { return port }
        }
        throw LocalClusterError(
            code: .serverFailed,
            message: "found no free port on \(addresses.first ?? "loopback") among \(candidates)"
        )
    }

    /// The ports to choose from, given those that the kernel hands out.
    static func range(outside ephemeral: ClosedRange<Int>) -> ClosedRange<Int> {
        if ephemeral.lowerBound > 12_000 { return 10_000...(ephemeral.lowerBound - 1) }
        if ephemeral.upperBound < 64_000 { return (ephemeral.upperBound + 1)...65_535 }
        return 10_000...65_535
    }

    private static func ephemeralRange() -> ClosedRange<Int> {
        let path = "/proc/sys/net/ipv4/ip_local_port_range"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let bounds = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        guard bounds.count == 2, bounds[0] <= bounds[1] else { return 49_152...65_535 }
        return bounds[0]...bounds[1]
    }

    private static func isFree(_ port: Int, on host: String) -> Bool {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // As the server does: connections of an earlier server that linger don't count.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return false }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
