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
        left.text.utf8.elementsEqual(right.text.utf8)
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
