#if canImport(Glibc)
    import Glibc
#endif

/// A client's connection and the server's that belongs to it.
final class ForwarderLink {
    let client: Int32
    let server: Int32

    private var isConnected = false
    private var toServer = ForwarderDirection()
    private var toClient = ForwarderDirection()
    private var requests: RequestScanner?
    private var replies: ReplyScanner?

    /// Whether a COMMIT's answer was dropped, and with it all that came after.
    private(set) var hasLostAcknowledgement = false

    init(client: Int32, server: Int32, readsMessages: Bool) {
        self.client = client
        self.server = server
        requests = readsMessages ? RequestScanner() : nil
        replies = readsMessages ? ReplyScanner() : nil
    }

    /// What to wait for on each side: nothing is read while what was read before waits.
    var interest: (client: Int32, server: Int32) {
        guard isConnected else { return (0, Int32(POLLOUT)) }
        return (
            (toServer.acceptsInput ? Int32(POLLIN) : 0)
                | (toClient.hasPending ? Int32(POLLOUT) : 0),
            (toClient.acceptsInput ? Int32(POLLIN) : 0)
                | (toServer.hasPending ? Int32(POLLOUT) : 0)
        )
    }

    /// Moves what can be moved without waiting. Returns `false` when the connection is over.
    func move(losesAcknowledgements: Bool) -> Bool {
        guard isConnected || settleConnect() else {
            close(abruptly: true)
            return false
        }
        let isWhole =
            toServer.move(from: client, to: server) { bytes in
                let asked = requests?.scan(bytes) ?? 0
                for _ in 0..<asked { replies?.expectSingleByte() }
                return bytes.count
            }
            && toClient.move(from: server, to: client) { bytes in
                guard !hasLostAcknowledgement else { return 0 }
                let passed = replies?.scan(bytes, stopsAtCommit: losesAcknowledgements)
                hasLostAcknowledgement = passed.map { $0 < bytes.count } ?? false
                return passed ?? bytes.count
            }
        guard isWhole, !(toServer.isFinished && toClient.isFinished) else {
            close(abruptly: !isWhole)
            return false
        }
        return true
    }

    func close(abruptly: Bool) {
        ForwarderSocket.close(client, abruptly: abruptly)
        ForwarderSocket.close(server, abruptly: abruptly)
    }

    /// Learns whether the server took the connection.
    private func settleConnect() -> Bool {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(server, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return false }
        isConnected = code == 0
        return isConnected
    }
}

/// The bytes on their way from one side to the other.
private struct ForwarderDirection {
    private var buffer: [UInt8] = []
    private var written = 0
    private var filled = 0
    private var hasEnded = false
    private(set) var isFinished = false

    var hasPending: Bool { written < filled }
    var acceptsInput: Bool { !hasPending && !hasEnded }

    /// Moves bytes; `filter` says how many of those that were read may pass.
    mutating func move(
        from source: Int32,
        to target: Int32,
        filter: (ArraySlice<UInt8>) -> Int
    ) -> Bool {
        while !isFinished {
            guard push(to: target) else { return false }
            if hasPending { return true }
            if hasEnded {
                shutdown(target, Int32(SHUT_WR))
                isFinished = true
                return true
            }
            if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 1 << 16) }
            let count = read(source, &buffer, buffer.count)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            hasEnded = count == 0
            (written, filled) = (0, count == 0 ? 0 : filter(buffer[..<count]))
        }
        return true
    }

    private mutating func push(to target: Int32) -> Bool {
        while hasPending {
            let count = buffer.withUnsafeBytes { bytes in
                send(
                    target,
                    bytes.baseAddress?.advanced(by: written),
                    filled - written,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            written += count
        }
        return true
    }
}
