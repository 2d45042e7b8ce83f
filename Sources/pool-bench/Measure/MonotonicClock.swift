import Glibc

/// The monotonic clock, read as cheaply as the machine allows.
///
/// `ContinuousClock.now` builds a `Duration` out of 128-bit numbers; a closed loop that reads the
/// clock twice for each operation prefers one call into the vDSO and plain nanoseconds.
enum MonotonicClock {
    /// Nanoseconds since an arbitrary origin.
    @inline(__always)
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// The seconds from one reading to a later one.
    static func seconds(from start: UInt64, to end: UInt64) -> Double {
        end > start ? Double(end - start) / 1e9 : 0
    }
}
