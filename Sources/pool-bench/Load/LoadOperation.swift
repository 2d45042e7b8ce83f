/// One operation of a closed loop.
///
/// The loop is generic over it and compiled for each, so that an operation of some hundred
/// nanoseconds isn't measured through an existential.
protocol LoadOperation: Sendable {
    /// Does the operation once.
    ///
    /// - Parameters:
    ///   - parameter: The statement's random parameter.
    ///   - isTimed: Whether the caller wants to know when the connection was had.
    /// - Returns: That instant of ``MonotonicClock``, or 0 where it can't be told or isn't wanted.
    /// - Throws: What made the operation fail.
    func perform(_ parameter: Int32, isTimed: Bool) async throws -> UInt64

    /// What one of the workers does, where that differs.
    func forWorker(_ index: Int) -> Self
}

extension LoadOperation {
    func forWorker(_ index: Int) -> Self { self }
}

/// An operation came back with something else than was asked for.
struct WrongAnswer: Error {}
