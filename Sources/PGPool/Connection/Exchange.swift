internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// What a stream or a COPY has received and its task has not taken yet, within bounds.
///
/// Proof of sendability: all but `signal`, which has a lock of its own, and what never changes, is
/// used under the session's lock only.
final class Exchange: OperationCompletion, @unchecked Sendable {
    enum Purpose {
        case rows, copyIn, copyOut
    }

    /// How far a COPY has got.
    enum Copy {
        case none, receiving, sending
    }

    /// What is handed over at once.
    enum Piece {
        case rows(RowBatch)
        case chunk([UInt8])

        var rowCount: Int {
            if case .rows(let batch) = self { batch.rowCount } else { 0 }
        }

        var size: Int {
            switch self {
            case .rows(let batch): batch.size
            case .chunk(let bytes): bytes.count
            }
        }
    }

    let purpose: Purpose
    let limits: StreamLimits
    let signal = Signal()
    var copy = Copy.none
    /// The server has asked for the task's data; it may not ask again.
    var hasTakenData = false
    var isSingleRow = false
    /// Nobody will take what comes: it is read and forgotten.
    var isDiscarding = false
    /// The connection's other end hung up: what it had sent is bounded by the socket's buffer.
    var hasHungUp = false
    var columns: RowColumns?
    /// The rows that were received, in all.
    var receivedRows = 0
    /// The class that a loss has once all is handed to libpq.
    var endPhase = FailurePhase.autocommit
    private var ready = Deque<Piece>()
    private var readyRows = 0
    private var readySize = 0
    /// The piece that is being filled.
    private var openBatch: RowBatch?
    private var openChunk: [UInt8] = []

    init(_ purpose: Purpose, _ limits: StreamLimits) {
        self.purpose = purpose
        self.limits = limits
    }

    func operationFinished(_ operation: Operation) {
        signal.raise()
    }

    private var rows: Int { readyRows + (openBatch?.rowCount ?? 0) }
    private var size: Int { readySize + (openBatch?.size ?? 0) + openChunk.count }

    var isFull: Bool {
        !isDiscarding && !hasHungUp && (rows >= limits.rows || size >= limits.bytes)
    }

    /// Whether there is room for reading to be worth while again.
    var isHalfEmpty: Bool { rows <= limits.rows / 2 && size <= limits.bytes / 2 }

    var hasPieces: Bool { !ready.isEmpty || openBatch != nil || !openChunk.isEmpty }

    /// Whether there is something for the task to do.
    var hasProgress: Bool { hasPieces || copy == .sending }

    /// The next piece; what is being filled goes if nothing else is there.
    func take() -> Piece? {
        if ready.isEmpty { close() }
        guard let piece = ready.popFirst() else { return nil }
        readyRows -= piece.rowCount
        readySize -= piece.size
        return piece
    }

    func discard() {
        isDiscarding = true
        ready.removeAll()
        (readyRows, readySize) = (0, 0)
        openBatch = nil
        openChunk = []
    }

    /// The batch to add a row to.
    func batch(_ columns: RowColumns) -> RowBatch {
        if let openBatch { return openBatch }
        let batch = RowBatch(columns, firstRow: receivedRows)
        openBatch = batch
        return batch
    }

    /// A row was added.
    func endRow(_ batch: RowBatch) {
        batch.endRow()
        receivedRows += 1
        if batch.rowCount >= limits.rows / 4 || batch.size >= limits.bytes / 4 { close() }
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        if openChunk.isEmpty { openChunk.reserveCapacity(min(65_536, limits.bytes / 4)) }
        openChunk.append(contentsOf: bytes)
        if openChunk.count >= min(65_536, limits.bytes / 4) { close() }
    }

    private func close() {
        if let batch = openBatch {
            ready.append(.rows(batch))
            readyRows += batch.rowCount
            readySize += batch.size
            openBatch = nil
        } else if !openChunk.isEmpty {
            ready.append(.chunk(openChunk))
            readySize += openChunk.count
            openChunk = []
        }
    }
}

/// How much a stream reads ahead.
struct StreamLimits: Hashable, Sendable {
    var rows = 8_192
    var bytes = 1 << 20
}

/// Wakes the one task that waits, or keeps the next one from waiting. Not to be raised under a lock.
final class Signal: Sendable {
    private struct State {
        var isRaised = false
        var waiter: UnsafeContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func raise() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isRaised = true
                return UnsafeContinuation<Void, Never>?.none
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    func wait() async {
        await withUnsafeContinuation { continuation in
            let isRaised = state.withLock { state in
                guard !state.isRaised else {
                    state.isRaised = false
                    return true
                }
                state.waiter = continuation
                return false
            }
            if isRaised { continuation.resume() }
        }
    }
}
