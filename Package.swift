// swift-tools-version: 6.2
import PackageDescription

// Tests would be slow with unoptimised C kernels, so debug builds optimise the kernels too. SwiftPM accepts such flags
// only in a root package. In a debug build of an app that depends on this package, the kernels are compiled at -O0.
// They are then slow and need more stack (`Kernels.stackSize`). Scripts/test_dependency.sh runs such an app. Release
// builds use -O2.
let isRootPackage = !Context.packageDirectory.contains("/checkouts/")

// CI sets OURO_STRICT=1, which turns warnings into errors. Other builds do not, because a newer compiler may warn more.
let isStrict = Context.environment["OURO_STRICT"] == "1"

let kernelSettings: [CSetting] =
    [.define("NDEBUG", .when(configuration: .release))]
    + (isRootPackage ? [.unsafeFlags(["-O2"], .when(configuration: .debug))] : [])
    + (isStrict ? [.treatAllWarnings(as: .error)] : [])
let swiftSettings: [SwiftSetting] = isStrict ? [.treatAllWarnings(as: .error)] : []

let package = Package(
    name: "swift-ouro",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .library(name: "Ouro", targets: ["Ouro"]),
        .library(name: "OuroConstraints", targets: ["OuroConstraints"]),
        .library(name: "OuroDefaultModel", targets: ["OuroDefaultModel"]),
        .library(name: "OuroData", targets: ["OuroData"]),
        .library(name: "OuroQuantisation", targets: ["OuroQuantisation"]),
        .library(name: "OuroHub", targets: ["OuroHub"]),
        .library(name: "OuroEvaluation", targets: ["OuroEvaluation"]),
        .library(name: "OuroServer", targets: ["OuroServer"]),
        .library(name: "OuroTraining", targets: ["OuroTraining"]),
        .executable(name: "ouro", targets: ["OuroCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.81.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "OuroKernels", cSettings: kernelSettings),
        .target(name: "Jinja", swiftSettings: swiftSettings),
        .target(name: "Ouro", dependencies: ["Jinja", "OuroKernels"], swiftSettings: swiftSettings),
        .target(
            name: "OuroDefaultModel", dependencies: ["Ouro"], resources: [.copy("ouro-tiny")],
            swiftSettings: swiftSettings),
        .target(name: "OuroHubC", cSettings: kernelSettings),
        .target(name: "OuroHub", dependencies: ["Ouro", "OuroHubC"], swiftSettings: swiftSettings),
        .target(name: "OuroConstraints", dependencies: ["Ouro"], swiftSettings: swiftSettings),
        .target(name: "OuroQuantisation", dependencies: ["Ouro", "OuroKernels"], swiftSettings: swiftSettings),
        .target(name: "OuroBenchmark", dependencies: ["Ouro", "OuroKernels"], swiftSettings: swiftSettings),
        .target(name: "OuroData", dependencies: ["Ouro"], swiftSettings: swiftSettings),
        .target(name: "OuroPlots", swiftSettings: swiftSettings),
        .target(
            name: "OuroEvaluation", dependencies: ["Ouro", "OuroData", "OuroPlots"], swiftSettings: swiftSettings),
        .target(
            name: "OuroTraining",
            dependencies: [
                "Ouro", "OuroBenchmark", "OuroData", "OuroKernels", "OuroPlots",
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "OuroServer",
            dependencies: [
                "Ouro", "OuroConstraints",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            resources: [.embedInCode("Resources/playground.html")], swiftSettings: swiftSettings),
        .executableTarget(
            name: "OuroCLI",
            dependencies: [
                "Ouro", "OuroBenchmark", "OuroData", "OuroDefaultModel", "OuroEvaluation", "OuroHub",
                "OuroQuantisation", "OuroServer", "OuroTraining",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "JinjaTests", dependencies: ["Jinja"], resources: [.copy("Fixtures")], swiftSettings: swiftSettings),
        .testTarget(
            name: "OuroTests", dependencies: ["Ouro", "OuroBenchmark", "OuroKernels", "OuroQuantisation"],
            resources: [.copy("Fixtures")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "OuroHubTests",
            dependencies: [
                "Ouro", "OuroHub", "OuroHubC", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "OuroConstraintsTests", dependencies: ["Ouro", "OuroConstraints"], swiftSettings: swiftSettings),
        .testTarget(name: "OuroDataTests", dependencies: ["Ouro", "OuroData"], swiftSettings: swiftSettings),
        .testTarget(
            name: "OuroEvaluationTests", dependencies: ["Ouro", "OuroData", "OuroEvaluation"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "OuroPlotsTests", dependencies: ["OuroPlots", "Ouro", "OuroEvaluation", "OuroTraining"],
            swiftSettings: swiftSettings),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .testTarget(
            name: "OuroTrainingTests",
            dependencies: ["OuroTraining", "OuroData", "Ouro", "OuroKernels", "AllocationCounter"],
            resources: [.copy("Fixtures")], swiftSettings: swiftSettings),
        .testTarget(
            name: "OuroServerTests",
            dependencies: [
                "OuroServer", "Ouro", "OuroConstraints",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ], swiftSettings: swiftSettings),
        .testTarget(name: "OuroCLITests", dependencies: ["OuroCLI"], swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6]
)
