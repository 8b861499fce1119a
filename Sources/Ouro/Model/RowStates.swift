/// The hidden states that rows carry from pass to pass, in numbered slots.
final class RowStates {
    private let hiddenSize: Int
    private var areas: [FloatRows] = []
    private var free: [Int] = []
    private static let areaRows = 64

    init(hiddenSize: Int) { self.hiddenSize = hiddenSize }

    func take() -> Int {
        if free.isEmpty {
            let first = areas.count * Self.areaRows
            areas.append(FloatRows(rows: Self.areaRows, columns: hiddenSize))
            free.append(contentsOf: (first..<first + Self.areaRows).reversed())
        }
        return free.removeLast()
    }

    func giveBack(_ slot: Int) { free.append(slot) }

    func row(_ slot: Int) -> UnsafeMutablePointer<Float> { areas[slot / Self.areaRows].row(slot % Self.areaRows) }

    /// Slots in use, for leak checks.
    var used: Int { areas.count * Self.areaRows - free.count }
}
