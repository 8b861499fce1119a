import OuroKernels

/// The kernels of one instruction set: the seam between the model and the hardware.
///
/// Every call of a C kernel goes through the table held here; another backend would take its place.
struct Kernels: @unchecked Sendable {
    let table: ouro_kernels

    /// Name of the instruction set, as `OURO_ISA` spells it.
    var name: String { String(cString: table.name) }

    /// The variants this machine can run, best first.
    static let available: [Kernels] = {
        var found: [Kernels] = []
        while let table = ouro_kernels_available(found.count) { found.append(Kernels(table: table.pointee)) }
        return found
    }()

    /// The named variant, or the best one.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if this machine lacks it.
    static func select(_ name: String?) throws(OuroError) -> Kernels {
        guard let name, !name.isEmpty else { return available[0] }
        if let found = available.first(where: { $0.name == name }) { return found }
        let names = available.map(\.name).joined(separator: ", ")
        throw OuroError(.unsupported, field: "OURO_ISA", "'\(name)' is not available on this machine; it has \(names)")
    }
}

extension ouro_element: @unchecked @retroactive Sendable {}
