import Dispatch
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A session with a server that trusts its user, mostly the control plane's.
///
/// The simple protocol without passwords and TLS is little, and it must not be PGPool that
/// measures PGPool. Its calls block, so they belong on ``onThread(_:)``'s threads.
/// <https://www.postgresql.org/docs/current/protocol-flow.html>
final class ServerSession {
    /// Where a server is reached.
    enum Place: Sendable {
        case socket(directory: String, port: Int)
        case tcp(LoopbackAddress)
    }

    private let descriptor: Int32

    private static let threads = DispatchQueue(
        label: "pgpool.local-cluster",
        attributes: .concurrent
    )

    /// Runs what blocks on a thread that may.
    static func onThread<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            threads.async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }

    /// Logs in, or throws ``LocalClusterError`` with what the server says.
    ///
    /// - Parameter timeout: How long any one answer may take.
    init(at place: Place, user: String, database: String, timeout: Duration) throws {
        let family: Int32
        switch place {
        case .socket: family = AF_UNIX
        case .tcp: family = AF_INET
        }
        #if os(Linux)
            let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        #else
            let type = SOCK_STREAM
        #endif
        descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw Self.failure("socket: \(Self.systemError)") }
        do {
            setTimeout(timeout)
            let status: Int32
            switch place {
            case .socket(let directory, let port):
                status = try connect(to: "\(directory)/.s.PGSQL.\(port)")
            case .tcp(let address):
                status = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
            }
            guard status == 0 else { throw Self.failure("connect: \(Self.systemError)") }
            let pairs = ["user", user, "database", database]
            var body: [UInt8] = [0, 3, 0, 0]
            for word in pairs { body += Array(word.utf8) + [0] }
            try send(Self.length(of: body) + body + [0])
            _ = try answer()
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Runs SQL.
    ///
    /// - Returns: The rows of all its statements; NULL as an empty text.
    @discardableResult
    func query(_ sql: String) throws -> [[String]] {
        let body = Array(sql.utf8) + [0]
        try send([UInt8(ascii: "Q")] + Self.length(of: body, adding: 4) + body)
        return try answer()
    }

    /// Reads up to the next ReadyForQuery.
    private func answer() throws -> [[String]] {
        var rows: [[String]] = []
        var complaint: String?
        while true {
            let header = try receive(5)
            let body = try receive(Self.integer(header[1...]) - 4)
            switch header[0] {
            case UInt8(ascii: "D"): rows.append(Self.row(body))
            case UInt8(ascii: "E"):
                complaint = complaint ?? Self.message(body)
                // The server ends the session after a failed login, and never gets ready.
                if Self.field("V", of: body) != "ERROR" { throw Self.failure(complaint ?? "") }
            case UInt8(ascii: "Z"):
                if let complaint { throw Self.failure(complaint) }
                return rows
            default: continue
            }
        }
    }

    private func setTimeout(_ timeout: Duration) {
        var limit = timeval()
        limit.tv_sec = numericCast(timeout.components.seconds)
        limit.tv_usec = numericCast(timeout.components.attoseconds / 1_000_000_000_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    private func connect(to path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Self.failure("the socket's path \(path) is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor,
                    $0.baseAddress?.advanced(by: sent),
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            guard count > 0 || errno == EINTR else {
                throw Self.failure("send: \(Self.systemError)")
            }
            sent += max(0, count)
        }
    }

    private func receive(_ wanted: Int) throws -> [UInt8] {
        guard wanted >= 0, wanted <= 64 << 20 else { throw Self.failure("an odd answer") }
        var bytes = [UInt8](repeating: 0, count: wanted)
        var filled = 0
        while filled < wanted {
            let count = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress?.advanced(by: filled), wanted - filled, 0)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw Self.failure(count == 0 ? "the server left" : "recv: \(Self.systemError)")
            }
            filled += count
        }
        return bytes
    }

    // MARK: Messages

    private static var systemError: String { String(cString: strerror(errno)) }

    private static func failure(_ message: String) -> LocalClusterError {
        LocalClusterError(code: .statementFailed, message: message)
    }

    private static func length(of body: [UInt8], adding extra: Int = 5) -> [UInt8] {
        let total = UInt32(body.count + extra)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: total >> $0) }
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }

    private static func row(_ body: [UInt8]) -> [String] {
        var values: [String] = []
        var rest = body.dropFirst(2)
        while rest.count >= 4 {
            let size = integer(rest)
            rest = rest.dropFirst(4)
            let isNull = size == 0xffff_ffff
            values.append(isNull ? "" : String(decoding: rest.prefix(size), as: UTF8.self))
            rest = rest.dropFirst(isNull ? 0 : size)
        }
        return values
    }

    private static func field(_ code: Character, of body: [UInt8]) -> String? {
        let fields = String(decoding: body, as: UTF8.self).split(separator: "\0")
        return fields.first { $0.first == code }.map { String($0.dropFirst()) }
    }

    private static func message(_ body: [UInt8]) -> String {
        "\(field("C", of: body) ?? "?"): \(field("M", of: body) ?? "no message")"
    }
}

extension ServerNode {
    /// Talks to the server on a thread that may block.
    ///
    /// - Parameters:
    ///   - database: Which one to log in to.
    ///   - timeout: How long any one answer may take; a frozen server gives none.
    func session<Result: Sendable>(
        database: String = "postgres",
        timeout: Duration = .seconds(10),
        _ body: @escaping @Sendable (ServerSession) throws -> Result
    ) async throws -> Result {
        try await ServerSession.onThread { [self] in
            try body(openSession(database: database, timeout: timeout))
        }
    }

    /// Logs in; only on a thread that may block.
    func openSession(
        database: String = "postgres",
        timeout: Duration = .seconds(10)
    ) throws -> ServerSession {
        try ServerSession(
            at: .socket(directory: controlDirectory, port: port),
            user: Self.controlRole,
            database: database,
            timeout: timeout
        )
    }

    /// Runs one query as the control plane.
    ///
    /// - Returns: Its first row's first value.
    @discardableResult
    func ask(_ sql: String, timeout: Duration = .seconds(10)) async throws -> String {
        try await session(timeout: timeout) { try $0.query(sql).first?.first ?? "" }
    }
}
