extension ConnectionPool.Configuration {
    /// How much of results is kept in memory.
    public struct Results: Hashable, Sendable {
        /// Rows that `query` collects; with more it throws ``PoolError`` with `resultTooLarge`.
        /// 1 or more. Default: 1,000,000.
        public var maxRows = 1_000_000
        /// Memory, in bytes, that the rows collected by `query` may take; with more it throws
        /// ``PoolError`` with `resultTooLarge`. 1 or more. Default: 256 MiB.
        public var maxBytes = 256 << 20
        /// Rows that a stream reads ahead of its consumer, 4 to 1,000,000. When that many wait, or
        /// ``streamBytes`` are full, the socket is read again only when half of them are taken.
        /// Default: 8,192.
        public var streamRows = 8_192
        /// Bytes that a stream or a `copyOut` reads ahead, 4 KiB to 1 GiB; one row more may come.
        /// Default: 1 MiB.
        public var streamBytes = 1 << 20

        /// The defaults.
        public init() {}

        var problems: [String] {
            var problems: [String] = []
            if maxRows < 1 { problems.append("results.maxRows: 1 or more") }
            if maxBytes < 1 { problems.append("results.maxBytes: 1 or more") }
            if !(4...1_000_000).contains(streamRows) {
                problems.append("results.streamRows: 4 to 1,000,000")
            }
            if !(4_096...(1 << 30)).contains(streamBytes) {
                problems.append("results.streamBytes: 4 KiB to 1 GiB")
            }
            return problems
        }

        /// The rows of a statement, unless they are too many.
        func collected(_ operation: Operation) throws -> Rows {
            guard let result = operation.result else { return Rows(storage: EmptyResult.shared) }
            guard result.rowCount > maxRows || result.memorySize > maxBytes else {
                return Rows(storage: result)
            }
            let bound =
                result.rowCount > maxRows
                ? "results.maxRows (\(maxRows))" : "results.maxBytes (\(maxBytes))"
            throw PoolError(
                .resultTooLarge,
                "the statement was carried out, but its result is larger than \(bound): "
                    + "use withConnection { try await $0.stream(…) }",
                failureClass: .deterministic
            )
        }

        var streamLimits: StreamLimits { StreamLimits(rows: streamRows, bytes: streamBytes) }
    }
}
