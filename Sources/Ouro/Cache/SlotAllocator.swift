/// Allocates slots for the hidden states that rows keep from pass to pass. The device holds the states.
package final class SlotAllocator {
    private var free: [SlotID] = []
    /// The number of slots that were ever taken at the same time: `0..<count`. The device must have room for them.
    package private(set) var count = 0

    package init() {}

    /// Takes a free slot.
    package func take() -> SlotID {
        if let slot = free.popLast() { return slot }
        count += 1
        return SlotID(count - 1)
    }

    /// Gives a slot back.
    package func giveBack(_ slot: SlotID) { free.append(slot) }

    /// The number of slots in use, for leak checks.
    package var used: Int { count - free.count }
}
