import Testing

@testable import PGPoolCore

@Suite("Tokens and the partitions that hold them")
struct UUIDv7Tests {
    @Test("The example of RFC 9562, appendix A.6, comes out")
    func example() {
        let token = UUIDv7(
            milliseconds: 0x017F_22E2_79B0,
            random: (0xCC3, 0x18C4_DC0C_0C07_398F)
        )
        #expect(token.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        #expect(token.milliseconds == 0x017F_22E2_79B0)
        let bytes = token.withBytes { Array($0) }
        #expect(
            bytes == [1, 0x7F, 0x22, 0xE2, 0x79, 0xB0, 0x7C, 0xC3]
                + [0x98, 0xC4, 0xDC, 0x0C, 0x0C, 7, 0x39, 0x8F]
        )
    }

    @Test("Version and variant hold whatever the random bits are, and text comes back the same")
    func roundTrip() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            let time = Int64(generator.next() >> 16)
            let token = UUIDv7(milliseconds: time, random: (generator.next(), generator.next()))
            #expect(token.high >> 12 & 0xF == 7 && token.low >> 62 == 2)
            #expect(token.milliseconds == time && UUIDv7(token.description) == token)
            #expect(UUIDv7(token.description.uppercased()) == token)
        }
    }

    @Test(
        "Other texts are no tokens",
        arguments: [
            "", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e279b07cc398c4dc0c0c07398f",
            "017f22e2-79b0-7cc3-18c4-dc0c0c07398f", "+17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        ]
    )
    func refused(text: String) {
        #expect(UUIDv7(text) == nil)
    }

    @Test("Times beyond what 48 bits hold do not overflow")
    func extremes() {
        #expect(UUIDv7(milliseconds: .max, random: (0, 0)).milliseconds == 1 << 48 - 1)
        #expect(UUIDv7(milliseconds: .min, random: (0, 0)).milliseconds == 0)
    }

    @Test("A token lies within the partition of its time, bounds as text compare as the tokens do")
    func partitions() {
        let partitions = LedgerPartitions(width: .seconds(3_600), retention: .seconds(86_400))
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<500 {
            let time = Int64(1_700_000_000_000) + Int64(generator.next() % 100_000_000_000)
            let token = UUIDv7(milliseconds: time, random: (generator.next(), generator.next()))
            let partition = partitions.partition(at: time)
            #expect(partition.from <= token.description && token.description < partition.to)
            #expect(partitions.partition(at: partition.endMilliseconds).from == partition.to)
        }
    }

    @Test("What is needed reaches from one back to those ahead; what is past its retention goes")
    func needed() {
        let partitions = LedgerPartitions(width: .seconds(3_600), retention: .seconds(86_400))
        let now = Int64(1_700_000_000_000)
        let present = partitions.partition(at: now)
        let numbers = partitions.needed(at: now, ahead: 2).map(\.number)
        #expect(numbers == (present.number - 1...present.number + 2).map { $0 })
        let end = present.endMilliseconds + 86_400_000
        #expect(
            !partitions.isExpired(present, at: end - 1) && partitions.isExpired(present, at: end)
        )
    }
}
