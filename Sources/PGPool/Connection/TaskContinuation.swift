internal import CLibPQ

/// An unsafe continuation, and where the memory of its task is.
///
/// Half of the tasks that wait go on on another processor than they last ran on, and it takes up to
/// 200 ns to bring each line of their frames over. Asked for as soon as it is known that a task will go
/// on, they come while other work is done.
struct TaskContinuation {
    private let continuation: UnsafeContinuation<Void, Never>
    private let task: UnsafeRawPointer
    private let frame: UnsafeRawPointer?

    /// To be made in the closure that is given the continuation.
    init(_ continuation: UnsafeContinuation<Void, Never>) {
        self.continuation = continuation
        // Proof: an unsafe continuation is one pointer, to its task.
        task = unsafeBitCast(continuation, to: UnsafeRawPointer.self)
        frame = pgpool_frame(task)
    }

    /// Has the processor fetch what `resume` and the task will need. Changes nothing.
    func prefetch() {
        pgpool_prefetch(task, 5)
        pgpool_prefetch(frame.map { $0 - 1024 }, 20)
    }

    func resume() { continuation.resume() }
}
