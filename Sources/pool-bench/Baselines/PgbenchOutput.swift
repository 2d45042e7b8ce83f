/// The figures that pgbench prints at its end.
struct PgbenchOutput: Equatable, Sendable {
    var transactions: Int
    var failed: Int
    /// Transactions a second, without the time to connect.
    var throughput: Double

    /// Reads the figures, or returns `nil` if any is missing.
    ///
    /// Versions before 15 print no number of failed transactions, since any failure ended the run.
    init?(_ text: String) {
        var transactions: Int?
        var failed: Int? = 0
        var throughput: Double?
        for line in text.split(whereSeparator: \.isNewline) {
            if let value = Self.value(of: "number of transactions actually processed:", in: line) {
                transactions = Int(value.prefix(while: \.isNumber))
            } else if let value = Self.value(of: "number of failed transactions:", in: line) {
                failed = Int(value.prefix(while: \.isNumber))
            } else if let value = Self.value(of: "tps =", in: line),
                !line.contains("including connections")
            {
                throughput = Double(value.prefix { !$0.isWhitespace })
            }
        }
        guard let transactions, let failed, let throughput else { return nil }
        self.transactions = transactions
        self.failed = failed
        self.throughput = throughput
    }

    private static func value(of label: String, in line: Substring) -> Substring? {
        guard line.hasPrefix(label) else { return nil }
        return line.dropFirst(label.count).drop(while: \.isWhitespace)
    }
}
