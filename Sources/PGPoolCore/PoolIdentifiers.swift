/// Names one connection of a pool for as long as it lives.
///
/// The serial makes an identifier of a connection that is gone differ from that of its successor in
/// the same slot, so a late event can be told from a current one.
package struct ConnectionID: Hashable, Sendable {
    package let index: UInt32
    package let serial: UInt32

    package init(index: UInt32, serial: UInt32) {
        self.index = index
        self.serial = serial
    }
}

/// Names one caller in the queue.
package struct WaiterID: Hashable, Sendable {
    package let index: UInt32
    package let serial: UInt32
}
