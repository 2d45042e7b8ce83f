#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A statement's text as a key, compared byte by byte.
///
/// Swift's strings are equal when they look the same: `é` in one character or in two. To the server
/// these are different names.
struct StatementKey: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (left: StatementKey, right: StatementKey) -> Bool {
        let (one, other) = (left.text.utf8, right.text.utf8)
        guard one.count == other.count else { return false }
        let areEqual = one.withContiguousStorageIfAvailable { bytes in
            other.withContiguousStorageIfAvailable { others in
                guard let first = bytes.baseAddress, let second = others.baseAddress else {
                    return true
                }
                return memcmp(first, second, bytes.count) == 0
            }
        }
        return (areEqual ?? nil) ?? one.elementsEqual(other)
    }

    func hash(into hasher: inout Hasher) {
        let isHashed: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isHashed == nil {
            for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}
