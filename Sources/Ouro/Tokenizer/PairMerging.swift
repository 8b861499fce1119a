/// Merges the symbols of a word pair by pair. The lowest rank merges first; of equal ranks, the leftmost.
///
/// The value keeps its memory between words.
struct PairMerging {
    /// The longest word for which the lowest rank is found by a linear scan. For longer words, the scan would take
    /// quadratic time.
    static let shortWordLimit = 48

    private let table: MergeTable
    /// The merge of the symbol at each index with the next one. There is one merge fewer than symbols.
    private var merges: [MergeTable.Merge] = []

    init(_ table: MergeTable) {
        self.table = table
    }

    /// Replaces the symbols of a word by its tokens. `shortWordLimit` differs only in tests.
    mutating func merge(_ symbols: inout [Int32], shortWordLimit: Int = Self.shortWordLimit) {
        guard symbols.count > 1 else { return }
        merges.removeAll(keepingCapacity: true)
        for index in 1..<symbols.count { merges.append(table.merge(symbols[index - 1], symbols[index])) }
        if symbols.count <= shortWordLimit { mergeShort(&symbols) } else { mergeLong(&symbols) }
    }

    private mutating func mergeShort(_ symbols: inout [Int32]) {
        while true {
            var best = MergeTable.Merge.none
            var place = 0
            for index in merges.indices where merges[index].rank < best.rank {
                best = merges[index]
                place = index
            }
            guard best.rank != MergeTable.Merge.none.rank else { return }
            symbols[place] = best.result
            symbols.remove(at: place + 1)
            merges.remove(at: place)
            if place > 0 { merges[place - 1] = table.merge(symbols[place - 1], best.result) }
            if place < merges.count { merges[place] = table.merge(best.result, symbols[place + 1]) }
        }
    }

    /// Keeps the symbols in a linked list and their merges in a heap. The time is n log n for a word of any length.
    private mutating func mergeLong(_ symbols: inout [Int32]) {
        let count = symbols.count
        var next = Array(1...count)
        var previous = Array(-1..<count - 1)
        // Sorted by rank, then by place. An entry is stale if its place now has another merge, which has another rank.
        var entries: [UInt64] = []
        for (place, merge) in merges.enumerated() where merge.rank != MergeTable.Merge.none.rank {
            entries.append(UInt64(merge.rank) << 33 | UInt64(place))
        }
        var heap = MinimumHeap(entries)
        while let entry = heap.popMinimum() {
            let place = Int(entry & (1 << 33 - 1))
            let merge = merges[place]
            guard UInt64(merge.rank) == entry >> 33 else { continue }
            let right = next[place]
            symbols[place] = merge.result
            symbols[right] = -1
            if right < merges.count { merges[right] = .none }
            next[place] = next[right]
            func refresh(_ left: Int, _ right: Int) {
                merges[left] = table.merge(symbols[left], symbols[right])
                if merges[left].rank != MergeTable.Merge.none.rank {
                    heap.insert(UInt64(merges[left].rank) << 33 | UInt64(left))
                }
            }
            if next[place] < count {
                previous[next[place]] = place
                refresh(place, next[place])
            } else {
                merges[place] = .none
            }
            if previous[place] >= 0 { refresh(previous[place], place) }
        }
        symbols.removeAll { $0 < 0 }
    }
}

/// A binary heap with the smallest element at the top.
struct MinimumHeap {
    private var elements: [UInt64]

    init(_ elements: [UInt64]) {
        self.elements = elements
        for index in stride(from: self.elements.count / 2 - 1, through: 0, by: -1) { sink(index) }
    }

    mutating func insert(_ element: UInt64) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0, elements[index] < elements[(index - 1) / 2] {
            elements.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popMinimum() -> UInt64? {
        guard let last = elements.popLast() else { return nil }
        guard let minimum = elements.first else { return last }
        elements[0] = last
        sink(0)
        return minimum
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < elements.count else { return }
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < elements[index] else { return }
            elements.swapAt(child, index)
            index = child
        }
    }
}
