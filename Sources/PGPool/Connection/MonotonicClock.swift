internal import PGPoolCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The one place where the library reads a clock.
extension Instant {
    /// The present on the monotonic clock.
    static var now: Instant { read(CLOCK_MONOTONIC) }

    /// The present as of the clock's last tick, 4 ms ago at most on most machines: for what needs no
    /// better, at a seventh of the cost (`CLOCK_MONOTONIC_COARSE`, clock_gettime(2)).
    static var recent: Instant {
        #if os(Linux)
            read(CLOCK_MONOTONIC_COARSE)
        #else
            now
        #endif
    }

    /// How long it is until then; zero when it has passed.
    var fromNow: Duration { max(.zero, self - .now) }

    private static func read(_ clock: clockid_t) -> Instant {
        var time = timespec()
        clock_gettime(clock, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
