import PGPool

/// Acquire and release, nothing between.
struct IdleOperation: LoadOperation {
    let pool: ConnectionPool

    func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 {
        try await pool.withConnection { _ in isTimed ? MonotonicClock.now() : 0 }
    }
}

/// What all workers share. They hold a reference to it: what is copied for each of hundreds of workers is
/// in no cache when its turn comes.
final class StatementLoad: Sendable {
    let pool: ConnectionPool
    let workload: Workload
    let sharing: StatementSharing

    init(pool: ConnectionPool, workload: Workload) {
        self.pool = pool
        self.workload = workload
        sharing = workload.mode.sharing
    }
}

/// One statement on a connection of its own for as long as it takes.
struct ExclusiveOperation: LoadOperation {
    let load: StatementLoad

    func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 {
        try await load.pool.withConnection { connection in
            let acquired = isTimed ? MonotonicClock.now() : 0
            let rows = try await connection.query(load.workload.query(parameter))
            try load.workload.check(rows, parameter)
            return acquired
        }
    }
}

/// One statement on whichever connection is free first, or on a shared one. When that was the pool
/// alone knows.
struct StatementOperation: LoadOperation {
    let load: StatementLoad

    func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 {
        let rows = try await load.pool.query(load.workload.query(parameter), sharing: load.sharing)
        try load.workload.check(rows, parameter)
        return 0
    }
}

/// A transaction of one statement.
struct TransactionOperation: LoadOperation {
    let load: StatementLoad
    let commit: TransactionCommit

    func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 {
        try await load.pool.withTransaction(commit: commit) { transaction in
            let rows = try await transaction.query(load.workload.query(parameter))
            try load.workload.check(rows, parameter)
        }
        return 0
    }
}

/// Statements of nine workers, and a tenth one's transactions of 5 ms. When a connection was had is
/// told of the transactions only.
struct MixedOperation: LoadOperation {
    let statement: StatementOperation
    var runsTransactions = false

    func forWorker(_ index: Int) -> MixedOperation {
        var operation = self
        operation.runsTransactions = index.isMultiple(of: 10)
        return operation
    }

    func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64 {
        guard runsTransactions else {
            return try await statement.perform(parameter, isTimed: isTimed)
        }
        return try await statement.load.pool.withTransaction { transaction in
            let acquired = MonotonicClock.now()
            try await transaction.query("SELECT pg_sleep(0.005)")
            return acquired
        }
    }
}

extension LoadMode {
    /// Whether `pool.query` may share connections.
    fileprivate var sharing: StatementSharing {
        self == .shared || self == .mixed ? .automatic : .never
    }
}

extension Workload {
    /// The statement with its parameter.
    func query(_ parameter: Int32) -> Query {
        var parameters = Parameters()
        if hasParameter { parameters.append(parameter) }
        return Query(statement, parameters: parameters)
    }

    /// Makes sure that the answer belongs to the question.
    func check(_ rows: Rows, _ parameter: Int32) throws {
        guard returnsParameter else { return }
        guard let row = rows.first, try row.decode(Int32.self, at: 0) == parameter else {
            throw WrongAnswer()
        }
    }
}
