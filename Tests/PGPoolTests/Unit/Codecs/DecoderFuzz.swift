import PGPool
import PGPoolCore
import Testing

/// Feeds a decoder with bytes that the wire may bring: valid ones that were changed, cut or
/// extended, and random ones. It must answer with a value or with a typed error; a trap ends the run.
struct DecoderFuzz {
    private var buffer: [UInt8]
    private let samples: [[UInt8]]
    private var state: UInt64

    init(samples: [[UInt8]], seed: UInt64) {
        self.samples = samples
        buffer = Array(repeating: 0, count: (samples.map(\.count).max() ?? 0) + 64)
        var generator = SeededGenerator(seed: seed)
        state = generator.next() | 1
    }

    /// Xorshift: a debug build has no time for a better one.
    @inline(__always)
    private mutating func random() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    /// How inputs ended, so that a test can see that both ways were taken.
    struct Tally {
        var values = 0
        var refusals = 0
        var strangers = 0
    }

    /// Tries `count` inputs; `use` looks at a value, so that what is computed late is computed.
    mutating func run<Value: PostgresDecodable>(
        _ type: PostgresType,
        as value: Value.Type,
        count: Int,
        _ use: (Value) -> Void
    ) -> Tally {
        var tally = Tally()
        var length = load()
        for round in 0..<count {
            if round & 15 == 0 { length = load() }
            let size = mutate(length)
            do {
                let value = try buffer.withUnsafeBytes {
                    try Value(
                        postgresBytes: UnsafeRawBufferPointer(rebasing: $0[..<size]),
                        type: type
                    )
                }
                if round & 7 == 0 { use(value) }
                tally.values += 1
            } catch is PostgresDecodingError.Reason {
                tally.refusals += 1
            } catch {
                tally.strangers += 1
            }
        }
        return tally
    }

    /// Puts a valid sample into the buffer.
    private mutating func load() -> Int {
        let sample = samples[Int(random() % UInt64(samples.count))]
        buffer.withUnsafeMutableBytes { $0.copyBytes(from: sample) }
        return sample.count
    }

    /// Changes a byte or a whole field, or cuts or extends; the changes of up to sixteen rounds add
    /// up. Returns the input's length.
    private mutating func mutate(_ length: Int) -> Int {
        let number = random()
        let position = Int(number >> 32) % max(1, length)
        switch number & 15 {
        case 0: return Int(number >> 40) % (length + 1)
        case 1: return length + Int(number >> 40) % 64
        case 2, 3:
            let extreme: [UInt8] = [0x7F, 0xFF, 0x80, 0x00]
            let byte = extreme[Int(number >> 8) & 3]
            for offset in 0..<4 { buffer[position + offset] = offset == 0 ? byte : extreme[1] }
        case 4:
            for index in 0..<length { buffer[index] = UInt8(truncatingIfNeeded: random()) }
        case 5...9: buffer[position] = UInt8(truncatingIfNeeded: number >> 16)
        case 10, 11: buffer[position] ^= 1 << (number >> 20 & 7)
        case 12: buffer[position] &+= 1
        default: buffer[position] &-= 1
        }
        return length
    }
}
