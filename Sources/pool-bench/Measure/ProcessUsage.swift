import Glibc

/// What this process, or the children it waited for, took from the machine.
enum ProcessUsage {
    /// CPU seconds of all threads of this process, in user and kernel mode.
    static func ownCPUSeconds() -> Double { seconds(RUSAGE_SELF) }

    /// CPU seconds of the children that ended and were waited for.
    static func childrenCPUSeconds() -> Double { seconds(RUSAGE_CHILDREN) }

    /// The most memory that this process ever had resident, in bytes.
    static func peakResidentBytes() -> Int { usage(RUSAGE_SELF).ru_maxrss * 1024 }

    private static func usage(_ who: __rusage_who) -> rusage {
        var usage = rusage()
        getrusage(who.rawValue, &usage)
        return usage
    }

    private static func seconds(_ who: __rusage_who) -> Double {
        let usage = usage(who)
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }
}
