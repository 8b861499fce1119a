// swift-tools-version: 6.1
import PackageDescription

// The C kernels are optimised in debug builds too, or the tests would crawl. SwiftPM accepts such flags only in a
// root package, so a checkout that is somebody's dependency goes without them (release builds are -O2 either way).
let isRootPackage = !Context.packageDirectory.contains("/checkouts/")
let kernelSettings: [CSetting] =
    [.define("NDEBUG", .when(configuration: .release))]
    + (isRootPackage ? [.unsafeFlags(["-O2"], .when(configuration: .debug))] : [])

let package = Package(
    name: "swift-ouro",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .library(name: "Ouro", targets: ["Ouro"]),
        .executable(name: "ouro", targets: ["OuroCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        .target(name: "OuroKernels", cSettings: kernelSettings),
        .target(name: "Ouro", dependencies: ["OuroKernels"]),
        .executableTarget(
            name: "OuroCLI",
            dependencies: ["Ouro", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
        .testTarget(name: "OuroTests", dependencies: ["Ouro", "OuroKernels"], resources: [.copy("Fixtures")]),
    ],
    swiftLanguageModes: [.v6]
)
