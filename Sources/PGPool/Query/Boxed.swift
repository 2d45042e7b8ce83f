/// A value behind one reference: for what is large, seldom there, and never changes.
final class Boxed<Value: Sendable>: Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
