#if canImport(Glibc)
    import Glibc
#endif

/// The forwarder's thread: waits for sockets and commands, and moves bytes.
struct ForwarderLoop: Sendable {
    let wake: Int32

    typealias Reply = CheckedContinuation<Void, any Error>

    /// Runs until it is told to stop.
    func run(_ take: () -> [(Forwarder.Command, Reply?)]) {
        var work = ForwarderWork(wake: wake)
        while !work.isOver {
            work.waitForSockets()
            for (command, reply) in work.wasWoken ? take() : [] {
                reply?.resume(with: Result { try work.perform(command) })
            }
        }
        work.end()
        for (_, reply) in take() {
            reply?.resume(
                throwing: LocalClusterError(code: .supervisorLost, message: "it was shut down")
            )
        }
        close(wake)
    }
}

/// What the thread works on. No other thread sees it.
private struct ForwarderWork {
    private final class OpenGate {
        let gate: Forwarder.Gate
        let listener: Int32
        var isStalled = false
        var onLoss: (@Sendable () -> Void)?

        init(_ gate: Forwarder.Gate, _ listener: Int32) {
            self.gate = gate
            self.listener = listener
        }
    }

    let wake: Int32
    private(set) var isOver = false
    private(set) var wasWoken = false
    private var gates: [String: OpenGate] = [:]
    private var links: [(gate: String, link: ForwarderLink)] = []
    private var entries: [pollfd] = []

    init(wake: Int32) { self.wake = wake }

    mutating func perform(_ command: Forwarder.Command) throws {
        switch command {
        case .open(let gate):
            guard gates[gate.name] == nil else { return }
            gates[gate.name] = OpenGate(gate, try ForwarderSocket.listen(gate.address))
        case .close(let name):
            guard let gate = gates.removeValue(forKey: name) else { return }
            close(gate.listener)
            links.removeAll { entry in
                if entry.gate == name { entry.link.close(abruptly: true) }
                return entry.gate == name
            }
        case .stall(let name, let isStalled):
            gates[name]?.isStalled = isStalled
        case .loseAcknowledgements(let name, let callback):
            gates[name]?.onLoss = callback
        case .stop:
            isOver = true
        }
    }

    mutating func end() {
        for (_, link) in links { link.close(abruptly: true) }
        for gate in gates.values { close(gate.listener) }
    }

    /// Waits until something can be done, and does it.
    mutating func waitForSockets() {
        let listening = gates.values.filter { !$0.isStalled }
        entries.removeAll(keepingCapacity: true)
        entries.append(pollfd(fd: wake, events: Int16(POLLIN), revents: 0))
        for gate in listening {
            entries.append(pollfd(fd: gate.listener, events: Int16(POLLIN), revents: 0))
        }
        for (gate, link) in links {
            let isStalled = gates[gate]?.isStalled ?? false
            let interest = link.interest
            // A side without interest is left out: its end would be reported without being asked.
            entries.append(Self.entry(link.client, isStalled ? 0 : interest.client))
            entries.append(Self.entry(link.server, isStalled ? 0 : interest.server))
        }
        guard poll(&entries, nfds_t(entries.count), -1) > 0 else {
            wasWoken = false
            return
        }
        wasWoken = entries[0].revents != 0
        if wasWoken {
            var bytes = [UInt8](repeating: 0, count: 64)
            while read(wake, &bytes, bytes.count) > 0 {}
        }
        let firstLink = 1 + listening.count
        var ended: Set<Int> = []
        for index in links.indices {
            let sides = (entries[firstLink + 2 * index], entries[firstLink + 2 * index + 1])
            guard sides.0.revents != 0 || sides.1.revents != 0 else { continue }
            if !serve(index) { ended.insert(index) }
        }
        for index in ended.sorted(by: >) { links.remove(at: index) }
        for (offset, gate) in listening.enumerated() where entries[1 + offset].revents != 0 {
            accept(at: gate)
        }
    }

    private static func entry(_ descriptor: Int32, _ events: Int32) -> pollfd {
        pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(events), revents: 0)
    }

    private func serve(_ index: Int) -> Bool {
        let (name, link) = links[index]
        let gate = gates[name]
        let lost = link.hasLostAcknowledgement
        let goesOn = link.move(losesAcknowledgements: gate?.onLoss != nil)
        if !lost && link.hasLostAcknowledgement { gate?.onLoss?() }
        return goesOn
    }

    private mutating func accept(at gate: OpenGate) {
        while let client = ForwarderSocket.accept(gate.listener) {
            guard let target = gate.gate.route(), let server = ForwarderSocket.connect(to: target)
            else {
                ForwarderSocket.close(client, abruptly: true)
                continue
            }
            let link = ForwarderLink(
                client: client,
                server: server,
                readsMessages: gate.gate.readsMessages
            )
            links.append((gate.gate.name, link))
        }
    }
}

/// The few socket calls that a forwarder needs.
enum ForwarderSocket {
    #if os(Linux)
        private static let type = Int32(SOCK_STREAM.rawValue)
    #else
        private static let type = SOCK_STREAM
    #endif

    static func listen(_ address: LoopbackAddress) throws -> Int32 {
        let descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { throw Forwarder.failure("socket") }
        prepare(descriptor)
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        guard
            address.withSocketAddress({ bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, 128) == 0
        else {
            let error = Forwarder.failure("listen on \(address.host):\(address.port)")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return nil }
        prepare(descriptor)
        return descriptor
    }

    /// Begins to connect; the socket becomes writable when that is settled.
    static func connect(to address: LoopbackAddress) -> Int32? {
        let descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { return nil }
        prepare(descriptor)
        let status = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
        guard status == 0 || errno == EINPROGRESS else {
            Glibc.close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Closes a socket; abruptly, the other side sees a reset as from a server that died.
    static func close(_ descriptor: Int32, abruptly: Bool) {
        if abruptly {
            var option = linger(l_onoff: 1, l_linger: 0)
            let size = socklen_t(MemoryLayout<linger>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
        }
        Glibc.close(descriptor)
    }

    private static func prepare(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
