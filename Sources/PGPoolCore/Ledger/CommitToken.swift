/// Stands for one attempt at a transaction whose commit is to be verified.
///
/// An error of class ``FailureClass/outcomeUnknown`` carries it where the outcome could not be found
/// out in time; the pool's `resolve` settles it later, also from another process: keep its
/// ``description``.
public struct CommitToken: Hashable, Sendable, LosslessStringConvertible {
    package let id: UUIDv7

    package init(_ id: UUIDv7) {
        self.id = id
    }

    /// Reads what ``description`` wrote; `nil` for anything else than a UUID of version 7.
    public init?(_ description: String) {
        guard let id = UUIDv7(description) else { return nil }
        self.id = id
    }

    /// The token as a UUID, 36 characters. It holds the time of the attempt and random bits.
    public var description: String { id.description }
}
