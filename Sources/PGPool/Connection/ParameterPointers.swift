extension Parameters {
    /// Calls `body` with the arrays that libpq wants.
    func withPointers<Result>(
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        let count = count
        guard count > 0 else { return body(nil, nil, nil) }
        // Through buffers: closures that captured the arrays would count references to them.
        return values.withUnsafeBufferPointer { values in
            bytes.withUnsafeBytes { bytes in
                withUnsafeTemporaryAllocation(
                    of: UnsafePointer<CChar>?.self,
                    capacity: count
                ) { pointers in
                    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                        Self.fill(pointers, numbers, values, bytes)
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

    /// Writes where each value begins, and into `numbers` the lengths, then the formats.
    private static func fill(
        _ pointers: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>,
        _ numbers: UnsafeMutableBufferPointer<Int32>,
        _ values: UnsafeBufferPointer<Value>,
        _ bytes: UnsafeRawBufferPointer
    ) {
        // An empty buffer has no address, and libpq takes none for NULL.
        let address =
            bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            ?? UnsafePointer<CChar>(StaticBytes.zero)
        var start = 0
        for index in values.indices {
            let value = values[index]
            pointers.initializeElement(at: index, to: value.isNull ? nil : address + start)
            numbers.initializeElement(at: index, to: Int32(value.end - start))
            numbers.initializeElement(at: values.count + index, to: value.isBinary ? 1 : 0)
            start = value.end
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
