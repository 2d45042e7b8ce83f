import PGPool
import PGPoolTesting
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Nothing leaks", .serialized)
struct LeakStressTests {
    /// Open file descriptors of this process.
    private static var descriptors: Int {
        var count = 0
        guard let directory = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(directory) }
        while readdir(directory) != nil { count += 1 }
        return count
    }

    /// Bytes of memory that this process occupies (proc(5), statm).
    private static var resident: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return -1 }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = fread(&buffer, 1, buffer.count, file)
        let fields = String(decoding: buffer[0..<count], as: UTF8.self).split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? -1 : -1) * sysconf(Int32(_SC_PAGESIZE))
    }

    @Test("100,000 lease cycles with a result each keep memory and descriptors flat")
    func leaseCycles() async throws {
        try await withPool(on: Servers.plain.value, maxConnections: 4) { pool in
            func cycle(_ count: Int) async throws {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            for n in 0..<(count / 16) {
                                try await pool.query("SELECT \(n)")
                                try await pool.withConnection { try await $0.query("SELECT \(n)") }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await cycle(4_000)
            let (bytes, files) = (Self.resident, Self.descriptors)
            try await cycle(100_000)
            let grown = Self.resident - bytes
            // A leaked PGresult alone is over 2 kB: 100,000 of them would be 200 MB.
            #expect(grown < 16_000_000, "\(grown) bytes more are in use after 100,000 leases")
            #expect(Self.descriptors <= files + 1)
        }
    }

    @Test("1,000 reconnects keep memory and descriptors flat")
    func reconnects() async throws {
        let recorder = Recorder()
        try await withPool(on: Servers.plain.value, maxConnections: 2, observers: [recorder]) {
            pool in
            func reconnect(_ count: Int) async throws {
                for _ in 0..<count {
                    try await pool.query("SELECT 1")
                    pool.evict()
                }
                try await eventually("all are closed") { pool.snapshot.total == 0 }
            }
            try await reconnect(50)
            let (bytes, files) = (Self.resident, Self.descriptors)
            try await reconnect(1_000)
            #expect(pool.snapshot.openedTotal >= 1_050)
            let grown = Self.resident - bytes
            // A leaked PGconn with its buffers is over 32 kB: 1,000 of them would be 32 MB.
            #expect(grown < 16_000_000, "\(grown) bytes more are in use after 1,000 reconnects")
            #expect(Self.descriptors <= files + 1)
        }
    }
}
