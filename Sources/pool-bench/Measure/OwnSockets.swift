import Foundation

/// The machine's TCP connections over IPv4, as the kernel lists them.
enum OwnSockets {
    /// The local ports of connections that both ends hold open.
    static func establishedPorts() -> Set<Int> {
        guard let table = try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8) else {
            return []
        }
        return establishedPorts(in: table)
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
