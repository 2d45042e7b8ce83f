import Foundation
import Testing

@testable import PGPoolTesting

@Suite(.serialized, .timeLimit(.minutes(3)))
struct LocalClusterTests {
    @Test func aClusterAnswersWithTheSettingsItWasGiven() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.parameters = [
            "max_connections": "17", "search_path": #"public, "it's a \ ""#,
        ]
        configuration.usesUnixSocket = true
        configuration.role = "Service \"1\""
        configuration.database = "shop & co"
        try await LocalCluster.with(configuration) { cluster in
            let limit = try await cluster.execute("SHOW max_connections")
            #expect(limit == "17")
            let quoted = try await cluster.execute("SHOW search_path")
            #expect(quoted == #"public, "it's a \ ""#)
            #expect(try cluster.log().contains("ready to accept connections"))

            let who = "SELECT current_user, current_database(), usesuper FROM pg_user"
            let sql = who + " WHERE usename = current_user"
            let ordinary = try await psql(cluster, cluster.url, sql)
            #expect(ordinary.output == "Service \"1\"|shop & co|f", "\(ordinary.errors)")
            let superuser = try await psql(cluster, cluster.superuserURL, sql)
            #expect(superuser.output == "postgres|postgres|t", "\(superuser.errors)")

            let socket = cluster.url(for: .application, host: cluster.socketDirectory)
            let local = try await psql(cluster, socket, "SELECT inet_client_addr() IS NULL")
            #expect(local.output == "t", "\(local.errors)")
        }
    }

    @Test func scramRefusesAWrongPasswordEverywhere() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.authentication = .scram(password: "it's /secret?")
        configuration.usesUnixSocket = true
        try await LocalCluster.with(configuration) { cluster in
            for login in [LocalCluster.Login.application, .superuser] {
                for host in [cluster.host, try #require(cluster.socketDirectory)] {
                    let right = cluster.url(for: login, host: host)
                    #expect(try await psql(cluster, right, "SELECT 1").output == "1")
                    let wrong = cluster.url(for: login, password: "guess", host: host)
                    let refused = try await psql(cluster, wrong, "SELECT 1")
                    #expect(!refused.succeeded)
                    #expect(refused.errors.contains("password authentication failed"))
                }
            }
            let kind = "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid"
            #expect(try await cluster.execute(kind + " WHERE rolname = 'app'") == "t")
        }
        #expect(!"\(configuration.authentication)".contains("secret"))
    }

    @Test func tlsVerifiesTheServerAndCanBeRequired() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.tls = .required
        try await LocalCluster.with(configuration) { cluster in
            let isEncrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            for host in ["127.0.0.1", "localhost"] {
                let url = cluster.url(for: .application, host: host)
                #expect(url.contains("sslmode=verify-full&sslrootcert="))
                let result = try await psql(cluster, url, isEncrypted)
                #expect(result.output == "t", "\(result.errors)")
            }
            let plain = cluster.url(for: .application, sslMode: "disable")
            #expect(try await psql(cluster, plain, "SELECT 1").errors.contains("no encryption"))

            // Another authority must not do, or nothing was verified.
            let authority = try #require(cluster.certificateAuthorityPath)
            let other = URL(fileURLWithPath: authority).deletingLastPathComponent()
                .appendingPathComponent("server.crt").path
            let escaped = LocalCluster.percentEncoded(authority)
            let distrusting = cluster.url.replacingOccurrences(
                of: escaped,
                with: LocalCluster.percentEncoded(other)
            )
            let refused = try await psql(cluster, distrusting, "SELECT 1")
            #expect(refused.errors.contains("certificate verify failed"))
        }
    }

    @Test func stopAndStartKeepDataAndPort() async throws {
        try await LocalCluster.with { cluster in
            let port = cluster.port
            try await cluster.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            for mode in [LocalCluster.StopMode.fast, .immediate] {
                try await cluster.stop(mode: mode)
                #expect(try await cluster.processIdentifiers().isEmpty)
                let refused = try await psql(cluster, cluster.url, "SELECT 1")
                #expect(refused.errors.contains("Connection refused"))
                await #expect(throws: LocalClusterError.self) { try await cluster.stop() }
                try await cluster.start()
                #expect(try await cluster.execute("SELECT answer FROM kept") == "42")
            }
            await #expect(throws: LocalClusterError.self) { try await cluster.start() }
            try await cluster.restart()
            #expect(try await cluster.execute("SHOW port") == "\(port)")
        }
    }

    @Test func aKilledServerRecovers() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            let before = try await cluster.processIdentifiers()
            #expect(before.count > 3, "a postmaster has several children")
            try await cluster.kill()
            #expect(try Kernel.processes(in: cluster.writerServer.directory).isEmpty)
            try await cluster.kill()
            try await cluster.start()
            #expect(try await cluster.execute("SELECT answer FROM kept") == "42")
            #expect(try cluster.log().contains("automatic recovery in progress"))
        }
    }

    @Test func aServerWhosePostmasterSomebodyElseKilledStartsAgain() async throws {
        try await LocalCluster.with { cluster in
            let text = try String(
                contentsOfFile: "\(cluster.writerServer.directory)/data/postmaster.pid",
                encoding: .utf8
            )
            let postmaster = try #require(text.split(separator: "\n").first.flatMap { Int32($0) })
            #expect(kill(postmaster, SIGKILL) == 0)
            try await eventually(
                { try await !cluster.processIdentifiers().contains(postmaster) },
                orElse: "process \(postmaster) survived SIGKILL: look at its state in /proc"
            )
            try await cluster.start()
            #expect(try await cluster.execute("SELECT 1") == "1")
        }
    }

    @Test func twoClustersRunSideBySide() async throws {
        async let first = LocalCluster.start()
        async let second = LocalCluster.start()
        let clusters = try await [first, second]
        #expect(clusters[0].port != clusters[1].port)
        try await clusters[0].execute("CREATE TABLE mine ()")
        await #expect(throws: LocalClusterError.self) {
            try await clusters[1].execute("TABLE mine")
        }
        await clusters[0].shutdown()
        #expect(try await clusters[1].execute("SELECT 1") == "1")
        await clusters[1].shutdown()
    }

    @Test func aServerThatCannotStartSaysWhy() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.parameters = ["max_connections": "many"]
        let error = await #expect(throws: LocalClusterError.self) {
            try await LocalCluster.start(configuration)
        }
        #expect(error?.code == .serverFailed)
        #expect(error?.log?.contains("max_connections") == true)
    }

    @Test func missingProgramsAreNamedWithTheRemedy() async throws {
        var configuration = LocalCluster.Configuration()
        configuration.programsDirectory = "/nowhere"
        let error = await #expect(throws: LocalClusterError.self) {
            try await LocalCluster.start(configuration)
        }
        #expect(error?.code == .programMissing)
        #expect(error?.message.contains("apt-get install postgresql") == true)
    }

    @Test func aConfigurationIsToldAllItsFaults() throws {
        var configuration = LocalCluster.Configuration()
        configuration.parameters = ["port": "5432", "bad name": "x", "work_mem": "1\n2"]
        configuration.role = "postgres"
        configuration.database = ""
        configuration.authentication = .scram(password: "")
        configuration.readers = 9
        configuration.promoteAfter = .seconds(-1)
        let error = #expect(throws: LocalClusterError.self) { try configuration.validate() }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.split(separator: ";").count == 8)
    }

    @Test func portsLieOutsideTheKernelsRange() {
        #expect(LoopbackPort.range(outside: 32_768...60_999) == 10_000...32_767)
        #expect(LoopbackPort.range(outside: 1_024...60_999) == 61_000...65_535)
        #expect(LoopbackPort.range(outside: 1_024...65_535) == 10_000...65_535)
    }
}
