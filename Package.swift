// swift-tools-version: 6.2
import PackageDescription

let houseSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "pgpool",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "PGPool", targets: ["PGPool"]),
        .library(name: "PGPoolTesting", targets: ["PGPoolTesting"]),
        .executable(name: "local-cluster", targets: ["local-cluster"]),
        .executable(name: "pool-bench", targets: ["pool-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibPQ",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .target(
            name: "PGPoolCore",
            dependencies: [
                .product(name: "HeapModule", package: "swift-collections")
            ],
            swiftSettings: houseSettings
        ),
        .target(
            name: "PGPool",
            dependencies: [
                "CLibPQ",
                "PGPoolCore",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: houseSettings
        ),
        .target(
            name: "PGPoolTesting",
            dependencies: [
                "PGPool",
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: houseSettings
        ),
        .executableTarget(
            name: "local-cluster",
            dependencies: [
                "PGPoolTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: houseSettings
        ),
        .target(
            name: "CPoolBenchBaselines",
            dependencies: ["CLibPQ"]
        ),
        .executableTarget(
            name: "pool-bench",
            dependencies: [
                "CPoolBenchBaselines",
                "PGPool",
                "PGPoolTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "PGPoolCoreTests",
            dependencies: ["PGPoolCore"],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "PGPoolTests",
            dependencies: [
                "CLibPQ",
                "PGPool",
                "PGPoolCore",
                "PGPoolTesting",
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "PGPoolTestingTests",
            dependencies: [
                "PGPoolTesting",
                "local-cluster",
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "PoolBenchTests",
            dependencies: ["PGPoolTesting", "pool-bench"],
            swiftSettings: houseSettings
        ),
    ]
)
