/// Decides when a reactor's thread looks at all its sockets, and when only at the few on which it has
/// just sent.
///
/// A server process on the same machine runs as soon as it is sent something, so its answer is mostly
/// there already. To keep to few processes for a while is cheaper for them than going round all: what
/// they use stays in the processor's caches, and Linux keeps the address translations of no more than
/// six processes on a processor (`TLB_NR_DYN_ASIDS` in arch/x86/include/asm/tlbflush.h). Where answers take longer,
/// such a look is a system call for nothing; so it is tried ever more rarely.
package struct SocketFocus: Sendable {
    /// As many sockets as are kept to. Their processes and the client's own are fewer than six.
    package static let sockets = 4
    /// So long, in nanoseconds, they are kept to at the most.
    package static let longest: Int64 = 500_000
    /// With more sockets than these less long, so that it takes no longer until each had its turn.
    package static let many = 8
    /// Turns of all in a row without a narrow look, after which nothing is proven any more.
    package static let lapse = 8
    /// Looks in a row that may bring too little.
    package static let chances = 4
    /// Turns of all between two attempts at the most.
    package static let rarest = 1_024

    private var until = Instant(nanoseconds: 0)
    private var isProven = false
    /// Looks in a row that brought too little.
    private var failures = 0
    /// Turns of all until the next attempt.
    private var pause = 0
    /// Turns of all since the last narrow look.
    private var unused = 0

    package init() {}

    /// Whether answers come so soon that it is worth keeping to few sockets.
    package var isWorthIt: Bool { isProven && failures < Self.chances }

    /// Whether the next look is to be at those only on which was just sent.
    package func isNarrow(at now: Instant) -> Bool { now < until }

    /// All of so many sockets have their turn.
    package mutating func looksAtAll(_ sockets: Int, at now: Instant) {
        unused = min(unused + 1, Self.lapse)
        if unused == Self.lapse { isProven = false }
        guard pause == 0 else { return pause -= 1 }
        let time = Self.longest * Int64(Self.many) / Int64(max(Self.many, sockets))
        until = Instant(nanoseconds: now.nanoseconds &+ time)
    }

    /// What a look at so many sockets brought: so many answers, of which one socket may bring several. A
    /// quarter pays for it.
    package mutating func looked(at sockets: Int, answers: Int) {
        unused = 0
        if answers * 4 >= sockets {
            (isProven, failures) = (true, 0)
            return
        }
        until = Instant(nanoseconds: 0)
        failures += 1
        guard failures >= Self.chances else { return }
        pause = min(1 << min(failures - Self.chances, 16), Self.rarest)
    }
}
