/// The version of this package. Files record it as their producer.
package enum PackageVersion {
    package static let current = "0.1.0"
}
