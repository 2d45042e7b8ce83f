/// Takes the data of a COPY to the server, with back-pressure.
///
/// It is valid inside the closure that it is handed to, for one task at a time.
public final class CopyWriter {
    private let owner: ExchangeOwner
    private var buffer: [UInt8] = []
    private var isBinary = false
    /// The closure has returned.
    fileprivate var isOver = false

    /// What goes to the system at once.
    private static let portion = 65_536

    init(_ owner: ExchangeOwner) {
        self.owner = owner
    }

    /// Sends data in the statement's format. Pieces need not end where rows do.
    ///
    /// Suspends while the server is behind; small pieces are sent together.
    ///
    /// - Throws: ``PostgresError`` when the COPY has failed meanwhile; `CancellationError`;
    ///   ``PoolError`` with `leaseEnded` after the closure has returned.
    public func write(_ bytes: [UInt8]) async throws {
        guard !isOver else { throw Self.ended }
        if buffer.count + bytes.count < Self.portion {
            buffer.append(contentsOf: bytes)
            return
        }
        try await flush()
        try await send(bytes)
    }

    /// Sends a row of the text format; `nil` is NULL.
    ///
    /// - Throws: as ``write(_:)``.
    public func write(textRow fields: [String?]) async throws {
        try await write(CopyFormat.textRow(fields))
    }

    /// Sends a row of the CSV format; `nil` is NULL.
    ///
    /// - Throws: as ``write(_:)``.
    public func write(csvRow fields: [String?]) async throws {
        try await write(CopyFormat.csvRow(fields))
    }

    /// Sends a row of the binary format, whose header and end are seen to.
    ///
    /// The server converts nothing: each value's type must be its column's, an `Int32` for
    /// `integer`, an `Int` for `bigint` (docs/types.md).
    ///
    /// - Throws: as ``write(_:)``.
    public func write<each Value: PostgresEncodable>(
        binaryRow values: repeat (each Value)?
    ) async throws {
        if !isBinary {
            isBinary = true
            try await write(CopyFormat.binaryHeader)
        }
        try await write(CopyFormat.binaryRow(repeat each values))
    }

    func finish() async throws {
        if isBinary { try await write(CopyFormat.binaryEnd) }
        try await flush()
    }

    private func flush() async throws {
        guard !buffer.isEmpty else { return }
        let bytes = buffer
        buffer.removeAll(keepingCapacity: true)
        try await send(bytes)
    }

    private func send(_ bytes: [UInt8]) async throws {
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.portion, bytes.count)
            let answer = bytes.withUnsafeBytes { buffer in
                owner.session.put(
                    UnsafeRawBufferPointer(rebasing: buffer[start..<end]),
                    owner.operation
                )
            }
            switch answer {
            case .taken: start = end
            case .full: try await owner.room()
            case .over:
                try await owner.end()
                throw Self.ended
            }
        }
        try Task.checkCancellation()
    }

    private static let ended = PoolError(
        .leaseEnded,
        "a writer is valid only inside the closure it was handed to",
        failureClass: .deterministic
    )
}

extension ExchangeOwner {
    /// Waits until the system may take more.
    fileprivate func room() async throws {
        await withTaskCancellationHandler {
            await exchange.signal.wait()
        } onCancel: {
            session.cancel(operation)
        }
        try Task.checkCancellation()
    }

    /// Waits for the server's last word.
    fileprivate func end() async throws {
        while case .wantsData = try await next() { try await room() }
    }
}

extension PostgresConnection {
    /// Runs `COPY … FROM STDIN` with the data that a closure writes.
    ///
    /// When the closure throws, the COPY fails on the server, and nothing of it stays.
    ///
    /// - Parameters:
    ///   - query: the statement, without parameters; names may be interpolated with `identifier:`.
    ///   - statementTimeout: for the whole COPY, the closure's time included. Default: none.
    ///   - body: writes the data.
    /// - Returns: the number of rows copied.
    /// - Throws: what `body` throws; ``PostgresError``; ``PoolError`` with `connectionBusy` or
    ///   `leaseEnded`; `CancellationError`. The connection stays usable.
    @discardableResult
    public func copyIn(
        _ query: Query,
        statementTimeout: Duration? = nil,
        _ body: (CopyWriter) async throws -> Void
    ) async throws -> Int {
        let owner = try ExchangeOwner(query, .copyIn, self, statementTimeout)
        guard case .wantsData = try await owner.next() else {
            throw ExchangeOwner.wrongUse("not a COPY … FROM STDIN", query)
        }
        do {
            let writer = CopyWriter(owner)
            defer { writer.isOver = true }
            try await body(writer)
            try await writer.finish()
        } catch {
            session.endCopy(owner.operation, failure: "the client's data ended with an error")
            _ = try? await owner.end()
            throw error
        }
        session.endCopy(owner.operation)
        try await owner.end()
        return owner.operation.result?.affectedRows ?? 0
    }

    /// Runs `COPY … FROM STDIN` with the data of a sequence, as
    /// ``copyIn(_:statementTimeout:_:)`` does.
    ///
    /// - Parameter source: data in the statement's format; pieces need not end where rows do.
    @discardableResult
    public func copyIn<Source: AsyncSequence>(
        _ query: Query,
        from source: Source,
        statementTimeout: Duration? = nil
    ) async throws -> Int where Source.Element == [UInt8] {
        try await copyIn(query, statementTimeout: statementTimeout) { writer in
            for try await bytes in source { try await writer.write(bytes) }
        }
    }
}

extension Transaction {
    /// Copies in inside the transaction; see ``PostgresConnection/copyIn(_:statementTimeout:_:)``.
    @discardableResult
    public func copyIn(
        _ query: Query,
        statementTimeout: Duration? = nil,
        _ body: (CopyWriter) async throws -> Void
    ) async throws -> Int {
        try await connection.copyIn(query, statementTimeout: statementTimeout, body)
    }
}
