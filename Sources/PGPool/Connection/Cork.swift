internal import CLibPQ

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Holds a socket's packets back until they are full or the cork is pulled (`tcp(7)`, `TCP_CORK`).
///
/// A Unix socket refuses, and needs none; where there is no such option nothing happens.
enum Cork {
    static func set(_ isSet: Bool, on descriptor: Int32) {
        #if os(Linux)
            var value: Int32 = isSet ? 1 : 0
            let size = socklen_t(MemoryLayout<Int32>.size)
            _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, size)
        #endif
    }
}
