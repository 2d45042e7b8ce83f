import Testing

@testable import PGPoolCore

@Suite("Host names and patterns")
struct HostNameTests {
    @Test("A pattern makes an instance's address")
    func pattern() throws {
        let plain = try InstanceHostPattern("?.abc123.eu-west-1.rds.amazonaws.com")
        #expect(
            plain.address(of: "shop-1", port: 5_432)
                == HostAddress(host: "shop-1.abc123.eu-west-1.rds.amazonaws.com", port: 5_432)
        )
        let link = try InstanceHostPattern("db-?.internal:6432")
        #expect(
            link.address(of: "a", port: 5_432) == HostAddress(host: "db-a.internal", port: 6_432)
        )
        #expect(link.description == "db-?.internal:6432")
    }

    @Test(
        "A pattern that cannot work is refused by a typed error that names it",
        arguments: [
            ("", InstanceHostPattern.Problem.empty),
            ("db.internal", .noPlaceholder("db.internal")),
            ("?.?.internal", .severalPlaceholders("?.?.internal")),
            ("?.internal:0", .invalidPort("?.internal:0")),
            ("?.internal:70000", .invalidPort("?.internal:70000")),
            ("?.internal:1:2", .invalidPort("?.internal:1:2")),
            ("? internal", .invalidCharacter("? internal")),
            ("postgres//?", .invalidCharacter("postgres//?")),
        ]
    )
    func refused(pattern: String, problem: InstanceHostPattern.Problem) {
        #expect(throws: problem) { try InstanceHostPattern(pattern) }
        #expect(problem.description.contains(pattern))
    }

    @Test(
        "Endpoints of RDS are told apart",
        arguments: [
            ("Shop.cluster-abc1.eu-west-1.rds.amazonaws.com", RDSEndpoint.Kind.cluster),
            ("shop.cluster-ro-abc1.eu-west-1.rds.amazonaws.com.", .reader),
            ("shop.cluster-custom-abc1.eu-west-1.rds.amazonaws.com", .custom),
            ("shop.abc1.eu-west-1.rds.amazonaws.com", .instance),
            ("shop.proxy-abc1.eu-west-1.rds.amazonaws.com", .proxy),
            ("shop.cluster-abc1.rds.cn-north-1.amazonaws.com.cn", .cluster),
            ("shop.cluster-abc1.rds-fips.us-gov-east-1.amazonaws.com", .cluster),
        ]
    )
    func kinds(host: String, kind: RDSEndpoint.Kind) throws {
        let endpoint = try #require(RDSEndpoint(host: host))
        #expect(endpoint.kind == kind)
        #expect(endpoint.name == "shop" && endpoint.domainID == "abc1")
        #expect(endpoint.region != nil)
    }

    @Test("Instances are called by the cluster's domain, wherever it is")
    func instances() throws {
        func host(_ endpoint: String) throws -> String? {
            let pattern = try #require(RDSEndpoint(host: endpoint)).instancePattern
            return pattern?.address(of: "i-1", port: 1).host
        }
        #expect(
            try host("shop.cluster-ro-abc1.eu-west-1.rds.amazonaws.com")
                == "i-1.abc1.eu-west-1.rds.amazonaws.com"
        )
        #expect(
            try host("shop.cluster-abc1.rds.cn-north-1.amazonaws.com.cn")
                == "i-1.abc1.rds.cn-north-1.amazonaws.com.cn"
        )
        #expect(try host("shop.proxy-abc1.eu-west-1.rds.amazonaws.com") == nil)
        #expect(try host("shop.global-abc1.global.rds.amazonaws.com") == nil)
        #expect(
            RDSEndpoint(host: "shop.global-abc1.global.rds.amazonaws.com")?.kind == .global
        )
    }

    @Test(
        "Other names are not RDS's",
        arguments: [
            "", "localhost", "10.0.0.1", "db.example.com", "rds.amazonaws.com",
            "a.b.c.d.eu-west-1.rds.amazonaws.com", "shop.cluster-.eu-west-1.rds.amazonaws.com",
            "shop..eu-west-1.rds.amazonaws.com", "s3.eu-west-1.amazonaws.com",
            "shop.abc1.global.rds.amazonaws.com",
        ]
    )
    func others(host: String) {
        #expect(RDSEndpoint(host: host) == nil)
    }

    @Test("The side of a blue/green deployment that is not in service is known by its name")
    func aside() {
        func isAside(_ name: String) -> Bool? {
            RDSEndpoint(host: "\(name).cluster-abc1.eu-west-1.rds.amazonaws.com")?.isAside
        }
        #expect(isAside("shop-green-a1b2c3") == true && isAside("shop-old1") == true)
        #expect(isAside("shop") == false && isAside("shop-older") == false)
        #expect(isAside("shop-green-house") == false)
    }
}
