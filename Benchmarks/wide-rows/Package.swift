// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "wide-rows",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "pgpool", path: "../..")],
    targets: [
        .executableTarget(
            name: "wide-rows",
            dependencies: [.product(name: "PGPool", package: "pgpool")],
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    ]
)
