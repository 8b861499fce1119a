/// The version of this package, for files that record what made them.
package enum PackageVersion {
    package static let current = "0.1.0"
}
