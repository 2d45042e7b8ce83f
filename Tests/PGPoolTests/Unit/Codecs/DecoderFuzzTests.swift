import Testing

/// Every decoder; `SEED` asks for other inputs. Fast enough for sanitizers.
@Suite("Decoders under mutated and random bytes")
struct DecoderFuzzTests {
    @Test("A typed error or a value, never a trap", arguments: DecoderFuzzCase.allCases)
    func fuzz(_ fuzzCase: DecoderFuzzCase) throws {
        try fuzzCase.run(inputs: 10_000)
    }
}
