import Foundation

/// This process's memory and open descriptors, taken once in a while.
struct ProcessSamples: Sendable {
    /// More samples than a trend needs: when there are this many, every other one goes.
    private static let maxSamples = 4096

    private(set) var memory: [Double] = []
    private(set) var descriptors: [Double] = []
    private var every = 1
    private var calls = 0

    mutating func take() {
        calls += 1
        guard calls.isMultiple(of: every) else { return }
        memory.append(Double(Self.residentBytes() ?? 0))
        descriptors.append(Double(Self.openDescriptors() ?? 0))
        guard memory.count >= Self.maxSamples else { return }
        memory = Self.halved(memory)
        descriptors = Self.halved(descriptors)
        every *= 2
    }

    /// What is resident now, in bytes.
    static func residentBytes() -> Int? {
        guard
            let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// How many descriptors are open now, the one that reads them left out.
    static func openDescriptors() -> Int? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { $0.count - 1 }
    }

    private static func halved(_ values: [Double]) -> [Double] {
        values.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
    }
}
