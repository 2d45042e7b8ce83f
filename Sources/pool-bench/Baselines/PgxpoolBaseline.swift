import Foundation

/// Go's pgxpool, driven by a small program that is built when it is first wanted.
struct PgxpoolBaseline: Baseline {
    let name = BaselineName.pgxpool
    let task: BaselineTask

    /// What the program prints.
    struct Figures: Decodable, Equatable {
        var operations: Int
        var seconds: Double
        var cpuSeconds: Double
        var errors: Int
        var firstError: String?

        enum CodingKeys: String, CodingKey {
            case operations, seconds, errors
            case cpuSeconds = "cpu_seconds"
            case firstError = "first_error"
        }
    }

    func prepare() async throws {
        _ = try await PgxpoolProgram.built()
    }

    func run(for duration: Duration) async throws -> BaselineSlice {
        let program = ChildProgram(
            path: try await PgxpoolProgram.built(),
            environment: ConnectionEnvironment.variables(of: task.connectionString)
        )
        let workload = task.workload
        let outcome = try await program.run([
            "-connections", "\(task.connections)",
            "-workers", "\(task.workers)",
            "-seconds", "\(duration.inSeconds)",
            "-mode", workload.mode.rawValue,
            "-statement", workload.statement,
            "-parameter=\(workload.hasParameter)",
            "-check=\(workload.returnsParameter)",
            "-minimum", "\(Workload.parameters.lowerBound)",
            "-maximum", "\(Workload.parameters.upperBound)",
            "-seed", "\(task.seed & 0x7FFF_FFFF)",
        ])
        guard
            outcome.isSuccess,
            let figures = try? JSONDecoder().decode(Figures.self, from: Data(outcome.output.utf8))
        else {
            throw BaselineError(name: name, message: outcome.complaint)
        }
        guard figures.errors == 0 else {
            let first = figures.firstError ?? "no message"
            throw BaselineError(
                name: name,
                message: "\(figures.errors) operations failed, one with: \(first)"
            )
        }
        return BaselineSlice(
            operations: figures.operations,
            throughput: Double(figures.operations) / figures.seconds,
            clientCPUSeconds: figures.cpuSeconds
        )
    }
}

/// Builds the Go program into the user's cache, once for each version of its source.
enum PgxpoolProgram {
    static let source = "Benchmarks/pgxpool/main.go"
    static let installation = "apt-get install golang-go golang-github-jackc-pgx-v4-dev"
    static let goPath = "/usr/share/gocode"

    /// The program's path; builds it if need be.
    static func built() async throws -> String {
        guard
            let source = ProgramSearch.packageFile(source),
            let text = FileManager.default.contents(atPath: source)
        else {
            throw failure("\(Self.source) isn't there; run pool-bench from its package")
        }
        let folder = cacheFolder()
        let program = folder.appending(path: "pgxpool-\(fingerprint(text))").path
        if FileManager.default.isExecutableFile(atPath: program) { return program }
        guard let go = ProgramSearch.inPath("go") else {
            throw failure("Go isn't installed: \(installation)")
        }
        let library = "\(goPath)/src/github.com/jackc/pgx/v4/pgxpool"
        guard FileManager.default.fileExists(atPath: library) else {
            throw failure("pgxpool isn't installed: \(installation)")
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        Console.note("Building the pgxpool baseline, once; that takes some 20 seconds.")
        // Moved into place when complete, so that two builds at once don't meet.
        let unfinished = "\(program).\(UUID().uuidString)"
        let outcome = try await ChildProgram(
            path: go,
            environment: [
                "GOPATH": goPath, "GO111MODULE": "off", "CGO_ENABLED": "0",
                "GOCACHE": folder.appending(path: "go-build").path,
            ]
        ).run(["build", "-o", unfinished, source])
        guard outcome.isSuccess, rename(unfinished, program) == 0 else {
            throw failure("go build failed: \(outcome.complaint)")
        }
        return program
    }

    private static func cacheFolder() -> URL {
        let environment = ProcessInfo.processInfo.environment
        let root =
            environment["XDG_CACHE_HOME"].map { URL(filePath: $0) }
            ?? environment["HOME"].map { URL(filePath: $0).appending(path: ".cache") }
            ?? FileManager.default.temporaryDirectory
        return root.appending(path: "pool-bench")
    }

    /// FNV-1a: tells versions of one file apart, no more.
    static func fingerprint(_ data: Data) -> String {
        let hash = data.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        return String(hash, radix: 16)
    }

    private static func failure(_ message: String) -> BaselineError {
        BaselineError(name: .pgxpool, message: message)
    }
}
