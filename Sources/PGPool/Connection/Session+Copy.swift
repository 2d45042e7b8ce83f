internal import CLibPQ
internal import DequeModule
internal import PGPoolCore
internal import Synchronization

/// COPY's data, both ways (PostgreSQL manual, 34.10).
extension Session {
    /// What became of data that was offered.
    enum Put {
        /// The system took it, or will soon: more may come.
        case taken
        /// Nothing was taken: wait for the exchange's signal.
        case full
        /// The COPY is over; its outcome says why.
        case over
    }

    /// Hands data to libpq, unless it still holds some that the system did not take.
    ///
    /// libpq itself would take all, and keep it in memory.
    func put(_ bytes: UnsafeRawBufferPointer, _ operation: Operation) -> Put {
        var ending = Ending()
        // As a number, since the checker takes a pointer for something that could stay behind.
        let (address, count) = (UInt(bitPattern: bytes.baseAddress), bytes.count)
        let answer = state.withLock { state -> Put in
            guard let exchange = operation.exchange, exchange.copy == .sending,
                operation.outcome == nil, let connection = state.connection
            else { return .over }
            if state.wantsToWrite { flush(connection, &state) }
            guard !state.isLost else {
                settleSent(&state, &ending)
                return .over
            }
            if state.wantsToWrite { return .full }
            let data = UnsafePointer<CChar>(bitPattern: address)
            switch PQputCopyData(connection, data, Int32(truncatingIfNeeded: count)) {
            case 1:
                flush(connection, &state)
                guard state.isLost else { return .taken }
                settleSent(&state, &ending)
                return .over
            default:
                noteLost(&state, message: ErrorReport.trimmed(PQerrorMessage(connection)))
                ending.news = digest(connection, &state, into: &ending.finished)
                return .over
            }
        }
        end(ending)
        return answer
    }

    /// Ends the data: well, or with a message that makes the COPY fail.
    func endCopy(_ operation: Operation, failure: String? = nil) {
        var ending = Ending()
        state.withLock { state in
            guard let exchange = operation.exchange, exchange.copy == .sending,
                let connection = state.connection
            else { return }
            if let failure {
                failCopy(operation, failure, &state)
            } else {
                operation.phase = exchange.endPhase
                exchange.copy = .none
                PQputCopyEnd(connection, nil)
                flush(connection, &state)
            }
            ending.news = digest(connection, &state, into: &ending.finished)
        }
        end(ending)
    }

    func failCopy(_ operation: Operation, _ message: String, _ state: inout State) {
        guard let connection = state.connection else { return }
        operation.exchange?.copy = .none
        PQputCopyEnd(connection, message)
        flush(connection, &state)
    }

    /// Takes what the server sent of a COPY; true when its end is reached.
    func receiveCopy(
        _ exchange: Exchange,
        _ connection: OpaquePointer,
        _ state: inout State
    ) -> Bool {
        while true {
            if exchange.isFull {
                pauseReading(&state)
                return false
            }
            var buffer: UnsafeMutablePointer<CChar>?
            let length = PQgetCopyData(connection, &buffer, 1)
            guard length > 0, let buffer else {
                if length == 0, !state.isLost, PQstatus(connection) != CONNECTION_BAD {
                    return false
                }
                exchange.copy = .none
                return true
            }
            if !exchange.isDiscarding {
                exchange.append(UnsafeRawBufferPointer(start: buffer, count: Int(length)))
            }
            PQfreemem(buffer)
        }
    }
}
