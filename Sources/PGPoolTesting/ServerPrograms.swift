import Foundation
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// The folder that holds `initdb`, `pg_basebackup`, `postgres` and `psql`.
struct ServerPrograms: Sendable {
    let directory: String

    private static let needed = ["initdb", "pg_basebackup", "postgres", "psql"]

    /// Finds the programs: where it was told, else `pg_config`'s folder, else Debian's, newest first.
    static func find(in given: String?) async throws -> ServerPrograms {
        let candidates: [String]
        if let given {
            candidates = [given]
        } else {
            candidates = await configured() + debianFolders()
        }
        guard let directory = candidates.first(where: isComplete) else {
            throw LocalClusterError(
                code: .programMissing,
                message: """
                    found no folder with PostgreSQL's \(needed.joined(separator: ", ")) (looked in \
                    \(candidates.isEmpty ? "none" : candidates.joined(separator: ", "))). \
                    Install it: apt-get install postgresql
                    """
            )
        }
        return ServerPrograms(directory: directory)
    }

    /// The path of one of the programs.
    func path(of program: String) -> FilePath { FilePath("\(directory)/\(program)") }

    /// The environment of the servers: C messages, which we read, and no settings of the owner's.
    static var serverEnvironment: [Subprocess.Environment.Key: String] {
        // With a time zone given, initdb doesn't search the system's for the one in use.
        var environment: [Subprocess.Environment.Key: String] = ["LC_ALL": "C", "TZ": "UTC"]
        let inherited = ProcessInfo.processInfo.environment
        environment["PATH"] = inherited["PATH"] ?? "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        environment["LD_LIBRARY_PATH"] = inherited["LD_LIBRARY_PATH"]
        return environment
    }

    /// `pg_config` comes with libpq's headers too, so its folder may well hold no server.
    private static func configured() async -> [String] {
        let result = try? await run(
            .name("pg_config"),
            arguments: ["--bindir"],
            output: .string(limit: 4096),
            error: .discarded
        )
        guard let result, result.terminationStatus.isSuccess else { return [] }
        return [result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)]
    }

    private static func debianFolders() -> [String] {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return versions.sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }.map { "\(base)/\($0)/bin" }
    }

    private static func isComplete(_ directory: String) -> Bool {
        needed.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(directory)/\($0)") }
    }
}
