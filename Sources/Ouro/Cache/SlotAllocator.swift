/// Numbers for the hidden states that rows carry from pass to pass. The states themselves lie in the device.
package final class SlotAllocator {
    private var free: [SlotID] = []
    /// Slots that were ever taken: `0..<count`. The device must have room for them.
    package private(set) var count = 0

    package init() {}

    package func take() -> SlotID {
        if let slot = free.popLast() { return slot }
        count += 1
        return SlotID(count - 1)
    }

    package func giveBack(_ slot: SlotID) { free.append(slot) }

    /// Slots in use; for leak checks.
    package var used: Int { count - free.count }
}
