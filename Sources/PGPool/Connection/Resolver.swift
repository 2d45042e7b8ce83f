#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Turns names into addresses, on a thread that may block: libpq would do it on the caller's.
enum Resolver {
    /// Whether every host is an address or a socket's directory already.
    static func needsNoLookUp(_ host: String) -> Bool {
        isSocketDirectory(host) || isAddress(host)
    }

    static func isSocketDirectory(_ host: String) -> Bool {
        host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@")
    }

    private static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    static func resolve(_ hosts: [(name: String, port: String)]) -> (
        resolved: [ResolvedHost], failure: String?
    ) {
        var resolved: [ResolvedHost] = []
        var failure: String?
        for (name, port) in hosts {
            if needsNoLookUp(name) {
                resolved.append(literal(name, port))
                continue
            }
            switch addresses(of: name) {
            case .success(let found):
                resolved += found.map { ResolvedHost(name: name, port: port, address: $0) }
            case .failure(let error):
                failure = "\(name): \(error.message)"
            }
        }
        return (resolved, resolved.isEmpty ? failure : nil)
    }

    static func literal(_ name: String, _ port: String) -> ResolvedHost {
        ResolvedHost(name: name, port: port, address: isSocketDirectory(name) ? "" : name)
    }

    private struct LookUpError: Error {
        var message: String
    }

    private static func addresses(of name: String) -> Result<[String], LookUpError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0 else {
            return .failure(LookUpError(message: String(cString: gai_strerror(status))))
        }
        defer { freeaddrinfo(list) }
        var result: [String] = []
        var entry = list
        while let current = entry {
            if let text = numeric(current.pointee), !result.contains(text) { result.append(text) }
            entry = current.pointee.ai_next
        }
        return .success(result)
    }

    private static func numeric(_ info: addrinfo) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            let status = getnameinfo(
                info.ai_addr,
                info.ai_addrlen,
                buffer.baseAddress,
                256,
                nil,
                0,
                NI_NUMERICHOST
            )
            guard status == 0, let start = buffer.baseAddress else { return nil }
            return String(cString: start)
        }
    }
}
