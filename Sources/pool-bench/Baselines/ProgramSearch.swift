import Foundation

/// Finds programs and the project's own files.
enum ProgramSearch {
    /// The program's path in one of `PATH`'s folders.
    static func inPath(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":")
            .map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The path of one of PostgreSQL's programs.
    ///
    /// Debian's `/usr/bin/pgbench` is a script that finds the real one; its time would count as
    /// pgbench's, so the newest version's folder comes first.
    static func postgresql(_ name: String) -> String? {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.compactMap { Int($0) }.sorted(by: >)
            .map { "\(root)/\($0)/bin/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? inPath(name)
    }

    /// A file of the package's, looked for above the running program and above the current folder.
    static func packageFile(_ name: String) -> String? {
        let program = Bundle.main.executableURL?.deletingLastPathComponent()
        let current = URL(filePath: FileManager.default.currentDirectoryPath)
        for start in [program, current].compactMap({ $0 }) {
            var folder = start.standardizedFileURL
            while folder.path.count > 1 {
                let candidate = folder.appending(path: name).path
                if FileManager.default.fileExists(atPath: candidate) { return candidate }
                folder.deleteLastPathComponent()
            }
        }
        return nil
    }
}
