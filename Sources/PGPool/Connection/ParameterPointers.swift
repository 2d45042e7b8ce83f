extension Parameters {
    /// Calls `body` with the arrays that libpq wants.
    func withPointers<Result>(
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        guard count > 0 else { return body(nil, nil, nil) }
        return bytes.withUnsafeBytes { buffer in
            withUnsafeTemporaryAllocation(
                of: UnsafePointer<CChar>?.self,
                capacity: count
            ) { pointers in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                    // An empty buffer has no address, and libpq takes none for NULL.
                    let empty = UnsafePointer<CChar>(StaticBytes.zero)
                    var start = 0
                    for (index, value) in values.enumerated() {
                        let address = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
                        pointers.initializeElement(
                            at: index,
                            to: value.isNull ? nil : address.map { $0 + start } ?? empty
                        )
                        numbers.initializeElement(at: index, to: Int32(value.end - start))
                        numbers.initializeElement(
                            at: count + index,
                            to: value.isBinary ? 1 : 0
                        )
                        start = value.end
                    }
                    let lengths = UnsafePointer(numbers.baseAddress)
                    return body(
                        UnsafePointer(pointers.baseAddress),
                        lengths,
                        lengths.map { $0 + count }
                    )
                }
            }
        }
    }
}

enum StaticBytes {
    // Proof: allocated once, never written again, never freed.
    nonisolated(unsafe) static let zero: UnsafeMutablePointer<CChar> = {
        let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        pointer.initialize(to: 0)
        return pointer
    }()
}
