import Foundation
import PGPool

/// Reads a million rows of ten mixed columns and says what a row costs; `compare` runs it beside
/// asyncpg. The server's URL is the first argument, the way of decoding the second.
@main
struct WideRows {
    struct Account: Decodable {
        var id: Int
        var kind: Int16
        var name: String
        var email: String?
        var active: Bool
        var ratio: Double
        var created: Date
        var token: UUID
        var amount: Decimal
        var score: Int32?
    }

    static let rowsPerQuery = 100_000
    static let queries = 10

    static func main() async throws {
        guard CommandLine.arguments.count == 3 else {
            FileHandle.standardError.write(Data("usage: wide-rows URL tuples|structs|row-by-row|none\n".utf8))
            exit(2)
        }
        let pool = try ConnectionPool(CommandLine.arguments[1], maxConnections: 1)
        let way = CommandLine.arguments[2]
        var checksum = 0
        _ = try await pool.query("SELECT 1")
        let before = cpuSeconds()
        for part in 0..<queries {
            let first = part * rowsPerQuery
            let rows = try await pool.query(
                "SELECT * FROM wide WHERE id >= \(first) AND id < \(first + rowsPerQuery)"
            )
            switch way {
            case "tuples":
                typealias Columns = (
                    Int, Int16, String, String?, Bool, Double, Date, UUID, Decimal, Int32?
                )
                let decoded = try rows.decode(Columns.self)
                checksum += decoded.reduce(0) { $0 &+ $1.0 &+ $1.2.utf8.count }
            case "structs":
                let decoded = try rows.decode(as: Account.self)
                checksum += decoded.reduce(0) { $0 &+ $1.id &+ $1.name.utf8.count }
            case "row-by-row":
                for row in rows {
                    let account = try row.decode(as: Account.self)
                    checksum += account.id &+ account.name.utf8.count
                }
            default:
                checksum += rows.count
            }
        }
        let spent = cpuSeconds() - before
        let name = "PGPool, \(way)".padding(toLength: 20, withPad: " ", startingAt: 0)
        print("\(name) \(String(format: "%.2f", spent)) s of CPU, checksum \(checksum)")
        await pool.shutdown()
    }

    /// User and system time of this process.
    static func cpuSeconds() -> Double {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return .nan }
        let micro = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + micro
    }
}
