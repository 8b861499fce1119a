/// One position of one sequence at one loop: the unit of work.
///
/// A row consists of five integers, so a device can use an array of rows directly. Its hidden state stays in a slot of
/// the device from pass to pass. In a pass, a row writes its own keys and values. It reads those that all positions up
/// to its own have written *at the same loop*.
package struct Row: Sendable, Equatable {
    /// The sequence's table of blocks.
    package let table: TableID
    /// 0-based position in the sequence.
    package let position: UInt32
    /// 1-based loop.
    package let loop: UInt32
    /// The input token. Only a row at loop 1 reads it.
    package let token: UInt32
    /// The slot that holds the hidden state between passes.
    package let slot: SlotID

    package init(table: TableID, position: Int, loop: Int, token: Int, slot: SlotID) {
        self.table = table
        self.position = UInt32(position)
        self.loop = UInt32(loop)
        self.token = UInt32(token)
        self.slot = slot
    }
}

/// The result of a pass for one row. The hidden state stays in its slot.
package struct RowOutcome: Sendable, Equatable {
    /// The exit gate's value before the sigmoid.
    package var gateLogit: Float
    /// Relative change of the hidden state, as an L2 norm: `|h_t - h_(t-1)| / |h_(t-1)|`, where h_0 is the embedding.
    package var change: Float

    package init(gateLogit: Float, change: Float) {
        self.gateLogit = gateLogit
        self.change = change
    }
}

/// A block of keys and values in a device's memory: 16 positions of one loop, all layers. It is a number, not an
/// address.
package struct BlockID: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package init(_ index: Int) { self.index = UInt32(index) }
}

/// A sequence's table of blocks in a device: one row for each loop, one column for each page.
package struct TableID: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package init(_ index: Int) { self.index = UInt32(index) }
}

/// The slot of one row's hidden state in a device.
package struct SlotID: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package init(_ index: Int) { self.index = UInt32(index) }
}
