import Dispatch
import Glibc
import Synchronization

/// Turns Ctrl-C, and SIGTERM, into an orderly stop; a second one ends the process at once.
final class Interruption: Sendable {
    /// Set by the first signal.
    let stop = StopSignal()

    private struct State {
        var signal: Int32?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Takes over the signals for the rest of the process's life.
    func install() {
        for number in [SIGINT, SIGTERM] {
            // The source sees it nevertheless; otherwise it would end the process here. Children
            // get the default back: they are started with all signals reset.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(
                signal: number,
                queue: .global(qos: .userInitiated)
            )
            source.setEventHandler { [weak self] in self?.receive(number) }
            source.activate()
            // Kept for the process's life; a source that is let go of is cancelled.
            _ = Unmanaged.passRetained(source as AnyObject)
        }
    }

    /// The exit status that tells a shell about the signal, if one came.
    var exitStatus: Int32? { state.withLock { $0.signal }.map { 128 + $0 } }

    /// Runs something that the first signal cancels.
    ///
    /// It has a task of its own, so that what cleans up afterwards runs uncancelled.
    func cancellable<Success: Sendable>(
        _ body: @escaping @Sendable () async throws -> Success
    ) async throws -> Success {
        let task = Task { try await body() }
        let isLate = state.withLock { state in
            state.cancel = { task.cancel() }
            return state.signal != nil
        }
        if isLate { task.cancel() }
        defer { state.withLock { $0.cancel = nil } }
        return try await task.value
    }

    private func receive(_ number: Int32) {
        let (isSecond, cancel) = state.withLock { state in
            defer { state.signal = state.signal ?? number }
            return (state.signal != nil, state.cancel)
        }
        if isSecond {
            Console.clearProgress()
            _exit(128 + number)
        }
        Console.note("Stopping; once more to end at once.")
        stop.request()
        cancel?()
    }
}
