// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "memory",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "pgpool", path: "../..")],
    targets: [
        .executableTarget(
            name: "memory",
            dependencies: [.product(name: "PGPool", package: "pgpool")],
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    ]
)
