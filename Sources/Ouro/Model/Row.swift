/// One position of one sequence at one loop: the unit of work.
///
/// A row is five integers, so a device can take an array of rows as it is. Its hidden state lies in a slot of the device
/// and stays there from pass to pass. In a pass, a row reads the keys and values that all positions up to its own wrote *at
/// the same loop*, and writes its own.
package struct Row: Sendable, Equatable {
    /// The sequence's table of blocks.
    package let table: TableID
    /// 0-based position in the sequence.
    package let position: UInt32
    /// 1-based loop.
    package let loop: UInt32
    /// The input token. Only a row at loop 1 reads it.
    package let token: UInt32
    /// Where the hidden state lies between passes.
    package let slot: SlotID

    package init(table: TableID, position: Int, loop: Int, token: Int, slot: SlotID) {
        self.table = table
        self.position = UInt32(position)
        self.loop = UInt32(loop)
        self.token = UInt32(token)
        self.slot = slot
    }
}

/// What a pass reports about one row. The hidden state stays in its slot.
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

/// A block of keys and values in a device's memory: 16 positions of one loop, all layers. A number, never an address.
package struct BlockID: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package init(_ index: Int) { self.index = UInt32(index) }
}

/// A sequence's table of blocks in a device: one row for each loop, one column for each page.
package struct TableID: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package init(_ index: Int) { self.index = UInt32(index) }
}

/// The place of one row's hidden state in a device.
package struct SlotID: Hashable, Sendable, BitwiseCopyable {
    package let index: UInt32
    package init(_ index: Int) { self.index = UInt32(index) }
}
