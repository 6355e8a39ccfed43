// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "runner",
    products: [
        .library(name: "JobStore", targets: ["JobStore"]),
        .library(name: "Runner", targets: ["Runner"]),
        .library(name: "Stores", targets: ["Stores"]),
        .executable(name: "runner", targets: ["runner-cli"]),
    ],
    traits: [
        .trait(
            name: "Postgres",
            description: "Queues in PostgreSQL, by libpq. Without it: --disable-default-traits"),
        .default(enabledTraits: ["Postgres"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CCrypto", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(
            name: "CBrotli", pkgConfig: "libbrotlidec", providers: [.apt(["libbrotli-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CBzip2", providers: [.apt(["libbz2-dev"])]),
        .systemLibrary(
            name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CLzma", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CGlibc"),
        .systemLibrary(name: "CPsl", pkgConfig: "libpsl", providers: [.apt(["libpsl-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CShell"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "Migrations", path: "migrations",
            resources: [
                .embedInCode("v1_initial.sql"), .embedInCode("v2_output.sql"),
                .embedInCode("v3_totals.sql"), .embedInCode("v4_keys.sql"),
                .embedInCode("v5_lists.sql"), .embedInCode("v6_batches.sql"),
                .embedInCode("v7_cancel.sql"), .embedInCode("v8_unique.sql"),
                .embedInCode("v9_streaming.sql"), .embedInCode("v10_step.sql"),
                .embedInCode("v11_politeness.sql"), .embedInCode("v12_put_back.sql"),
                .embedInCode("v13_live.sql"), .embedInCode("v14_measures.sql"),
                .embedInCode("v15_handed_over.sql"), .embedInCode("v16_shards.sql"),
                .embedInCode("v17_found.sql"), .embedInCode("v18_validators.sql"),
                .embedInCode("shard_tables.sql"), .embedInCode("found_tables.sql"),
                .embedInCode("validator_tables.sql"),
            ],
            swiftSettings: strict),
        .target(
            name: "JobStore", dependencies: ["CSQLite", "CGlibc", "CZlib", "CZstd", "Migrations"],
            swiftSettings: strict),
        .target(
            name: "PostgresStore", dependencies: ["CPostgres", "JobStore"],
            resources: [
                .embedInCode("Schema/p1_initial.sql"), .embedInCode("Schema/p2_shares.sql"),
                .embedInCode("Schema/p3_commits.sql"),
            ], swiftSettings: strict),
        .target(
            name: "Stores",
            dependencies: [
                "JobStore", .target(name: "PostgresStore", condition: .when(traits: ["Postgres"])),
            ],
            swiftSettings: strict),
        .target(
            name: "Runner",
            dependencies: [
                "CAres", "CBrotli", "CCrypto", "CCurl", "CGlibc", "CShell", "CZlib", "CZstd",
                "JobStore", "Links", "Lists",
            ],
            swiftSettings: strict),
        .target(
            name: "Links", dependencies: ["CPsl", "JobStore", "Lists"],
            resources: [.embedInCode("HTML/entities.txt"), .embedInCode("Charset/labels.txt")],
            swiftSettings: strict),
        .target(
            name: "Lists", dependencies: ["CBzip2", "CExpat", "CLzma", "CZlib", "CZstd"],
            swiftSettings: strict),
        .target(
            name: "PageFiles",
            resources: [
                .embedInCode("files/index.html"), .embedInCode("files/list.html"),
                .embedInCode("files/app.js"), .embedInCode("files/charts.js"),
                .embedInCode("files/tables.js"), .embedInCode("files/list.js"),
                .embedInCode("files/style.css"), .embedInCode("files/icon.svg"),
                .embedInCode("files/report.css"),
            ],
            swiftSettings: strict),
        .target(
            name: "WebView",
            dependencies: [
                "JobStore", "PageFiles", "Runner",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "runner-cli",
            dependencies: [
                "JobStore", "Links", "Lists", "PageFiles", "Runner", "Stores", "WebView",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "TestServer",
            dependencies: [
                "CZlib", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/TestServer", swiftSettings: strict),
        .executableTarget(
            name: "test-origin", dependencies: ["TestServer"], path: "Tests/test-origin",
            swiftSettings: strict),
        .target(
            name: "TestQueue", dependencies: ["CSQLite", "JobStore"], path: "Tests/TestQueue",
            swiftSettings: strict),
        .executableTarget(
            name: "queue-maker",
            dependencies: [
                "JobStore", "TestQueue",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/queue-maker", swiftSettings: strict),
        .executableTarget(
            name: "fleet-load",
            dependencies: [
                "JobStore", "Stores",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/fleet-load", swiftSettings: strict),
        .target(
            name: "StoreConformance", dependencies: ["JobStore", "TestSupport"],
            path: "Tests/StoreConformance", swiftSettings: strict),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(
            name: "JobStoreTests",
            dependencies: [
                "JobStore", "Migrations", "StoreConformance", "TestQueue", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PostgresStoreTests",
            dependencies: [
                "CPostgres", "JobStore", "PostgresStore", "StoreConformance", "TestPostgres",
                "TestSupport",
            ],
            swiftSettings: strict),
        .target(
            name: "TestPostgres", dependencies: ["CPostgres", "TestSupport"],
            path: "Tests/TestPostgres",
            swiftSettings: strict),
        // What is public is enough to add to the program: without package access.
        .testTarget(
            name: "ExtensionTests",
            dependencies: [
                "JobStore", "Runner", "StoreConformance", "Stores", "TestServer", "TestSupport",
            ],
            packageAccess: false, swiftSettings: strict),
        .testTarget(
            name: "RunnerTests",
            dependencies: [
                "CCurl", "Lists", "Runner", "JobStore", "StoreConformance", "TestServer",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WebViewTests", dependencies: ["JobStore", "Runner", "TestSupport", "WebView"],
            swiftSettings: strict),
        .testTarget(
            name: "LinksTests", dependencies: ["JobStore", "Links", "Runner", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ListsTests",
            dependencies: ["CBzip2", "CLzma", "CZlib", "CZstd", "Lists", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "JobStore", "StoreConformance", "Stores", "TestPostgres", "TestQueue", "TestServer",
                "TestSupport", "WebView", "runner-cli", "test-origin",
            ],
            swiftSettings: strict),
    ]
)
