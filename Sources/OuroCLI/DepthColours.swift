/// Colours tokens by exit loop. The scale goes from green for the first loop to red for the last loop.
struct DepthColours {
    let loops: Int
    private static let ramp = [42, 112, 220, 208, 203, 161]

    private func colour(_ loop: Int) -> Int {
        guard loops > 1 else { return Self.ramp[0] }
        let index = (loop - 1) * (Self.ramp.count - 1) / (loops - 1)
        return Self.ramp[min(max(index, 0), Self.ramp.count - 1)]
    }

    func paint(_ text: String, loop: Int) -> String {
        guard Terminal.showsColour, !text.isEmpty else { return text }
        // Every line gets its own colour codes. With a newline inside a colour, some terminals fill the rest of the line.
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : "\u{1B}[38;5;\(colour(loop))m\($0)\u{1B}[0m" }.joined(separator: "\n")
    }

    var legend: String { "loops: " + (1...loops).map { paint("\($0)", loop: $0) }.joined(separator: " ") }
}
