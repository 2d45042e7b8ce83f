import Testing

/// `DecoderFuzzTests` with a million inputs for each decoder, in the part of the tests for what is long.
@Suite("Decoders under a million inputs each")
struct DecoderFuzzSimulationTests {
    @Test("A typed error or a value, never a trap", arguments: DecoderFuzzCase.allCases)
    func fuzz(_ fuzzCase: DecoderFuzzCase) throws {
        try fuzzCase.run(inputs: 1_000_000)
    }
}
