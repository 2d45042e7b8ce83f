internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Several reactors that are one executor.
///
/// A task that prefers it (`withTaskExecutorPreference(ReactorGroup.shared) { … }`) goes on running
/// on the thread that read its answer, so neither its lease nor its result costs the waking of
/// another thread. A task is bound to none of the threads: whoever makes it runnable runs it, and
/// hands half of what is runnable to a thread that sleeps when there is much of it.
///
/// Meant for tasks that mostly wait for the server. One that computes for long delays the tasks and
/// the connections of its thread: let it prefer another executor for that time.
public final class ReactorGroup: TaskExecutor {
    /// The reactors that pools use unless they are given others: one for each processor, at most
    /// four, since a thread that waits costs next to nothing and one alone cannot fill two cores.
    public static let shared = ReactorGroup(threads: min(4, max(1, processorCount)))

    private static var processorCount: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

    /// One for each thread; what a pool's configuration takes.
    public let reactors: [Reactor]
    private let crew = ReactorCrew()
    private let turn = Atomic<Int>(0)

    /// Makes reactors and starts their threads, which end with ``shutDown()``.
    ///
    /// - Parameters:
    ///   - threads: how many; less than one counts as one.
    ///   - backend: how they wait; `.poll` is for tests.
    public init(threads: Int, backend: Reactor.Backend = .automatic) {
        let crew = crew
        reactors = (0..<max(1, threads)).map { _ in Reactor(backend: backend, crew: crew) }
        crew.enlist(reactors)
    }

    /// Ends the threads. Connections that still use them hang: shut their pools down first.
    public func shutDown() {
        crew.disband()
        for reactor in reactors { reactor.shutDown() }
    }

    /// Runs a job: on this thread, if it is one of the group's, else on each in turn.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = ReactorJob(
            job: UnownedJob(job),
            executor: asUnownedTaskExecutor(),
            isBound: false
        )
        if let current = Reactor.current, current.crew === crew {
            current.enqueue(job)
        } else {
            let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
            reactors[Int(UInt(bitPattern: turn) % UInt(reactors.count))].enqueue(job)
        }
    }
}

/// What a reactor knows of those it works with.
final class ReactorCrew: Sendable {
    private let members = Mutex<[Reactor]>([])

    func enlist(_ reactors: [Reactor]) {
        members.withLock { $0 = reactors }
    }

    func disband() {
        members.withLock { $0.removeAll() }
    }

    /// Hands half of the jobs from the given one on to a member that sleeps, if there is one, and those
    /// may move.
    func share(_ jobs: inout [ReactorJob], from first: Int) {
        let members = members.withLock { $0 }
        guard members.count > 1, let half = Self.half(of: jobs[first...]) else { return }
        for member in members where member.accept(jobs[half...]) {
            jobs.removeSubrange(half...)
            return
        }
    }

    /// Where the half begins that may move; nil if a bound job is in it.
    private static func half(of jobs: ArraySlice<ReactorJob>) -> Int? {
        let half = jobs.startIndex + jobs.count / 2
        return jobs[half...].contains { $0.isBound } ? nil : half
    }
}

/// A task that is ready to run on a reactor's thread.
struct ReactorJob: Sendable {
    let job: UnownedJob
    /// The executor that the task prefers: the reactor or its group.
    let executor: UnownedTaskExecutor
    /// Whether it asked for this very reactor.
    let isBound: Bool

    func run() { job.runSynchronously(on: executor) }
}

extension Reactor {
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    /// The reactor whose thread this is.
    static var current: Reactor? {
        get {
            key.flatMap { pthread_getspecific($0) }
                .map { Unmanaged<Reactor>.fromOpaque($0).takeUnretainedValue() }
        }
        set {
            guard let key else { return }
            pthread_setspecific(key, newValue.map { Unmanaged.passUnretained($0).toOpaque() })
        }
    }
}
