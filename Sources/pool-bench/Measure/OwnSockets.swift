import Glibc

/// The machine's TCP connections over IPv4, as the kernel lists them.
enum OwnSockets {
    /// The local ports of connections that both ends hold open.
    static func establishedPorts() -> Set<Int> { establishedPorts(in: read("/proc/net/tcp")) }

    /// Foundation takes the first piece of such a file, which the kernel writes as it is read, for
    /// all of it.
    private static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }

    /// Reads lines such as `0: 0100007F:1538 0200007F:A4C2 01 …`: address and port in hexadecimal
    /// of both ends, and the state, of which 01 is established.
    static func establishedPorts(in table: String) -> Set<Int> {
        var ports: Set<Int> = []
        for line in table.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ")
            guard fields.count > 3, fields[3] == "01",
                let port = fields[1].split(separator: ":").last.flatMap({ Int($0, radix: 16) })
            else { continue }
            ports.insert(port)
        }
        return ports
    }
}
