/// Decides which processor a connection is to be served on: the one on which its input arrives.
///
/// A server process on the same machine may sit on another processor than the thread that sends to it.
/// Under load the system leaves the two apart, and each statement costs the waking of another
/// processor. Elsewhere the network card's queue decides where input arrives.
package struct Locality: Sendable {
    /// Readings between two looks, each of which costs a system call.
    package static let lookEvery = 64
    /// Looks in a row that must agree: threads change their processors, too.
    package static let agreeing = 4

    private var untilLook = Self.lookEvery
    private var strays = 0
    private var lastSeen: Int32 = -1

    package init() {}

    /// Counts a reading, and says whether to look where its input arrived.
    package mutating func isTimeToLook() -> Bool {
        untilLook -= 1
        guard untilLook <= 0 else { return false }
        untilLook = Self.lookEvery
        return true
    }

    /// Takes in where input arrived, and says whether whoever serves that processor is to take
    /// over from the one that serves `own`. A processor that is not known is nil.
    package mutating func saw(_ processor: Int32?, servedOn own: Int32?) -> Bool {
        guard let processor, let own, processor != own else {
            strays = 0
            return false
        }
        strays = processor == lastSeen ? strays + 1 : 1
        lastSeen = processor
        guard strays >= Self.agreeing else { return false }
        strays = 0
        return true
    }
}
