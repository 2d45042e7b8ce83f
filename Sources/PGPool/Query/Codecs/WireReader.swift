/// Reads the binary formats from front to back; what is missing is ``PostgresDecodingError/Reason``
/// `malformed`, so that no bytes from the wire can trap.
struct WireReader {
    private(set) var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes
    }

    /// The next bytes in network order.
    mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws -> Value {
        let size = MemoryLayout<Value>.size
        guard rest.count >= size else { throw PostgresDecodingError.Reason.malformed }
        let value = Value(bigEndian: rest.loadUnaligned(as: Value.self))
        rest = UnsafeRawBufferPointer(rebasing: rest[size...])
        return value
    }

    mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, rest.count >= count else { throw PostgresDecodingError.Reason.malformed }
        let taken = UnsafeRawBufferPointer(rebasing: rest[..<count])
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        return taken
    }

    /// A value behind its length; `nil` for NULL, whose length is -1.
    mutating func takeField() throws -> UnsafeRawBufferPointer? {
        let length = try read(Int32.self)
        if length == -1 { return nil }
        return try take(Int(length))
    }

    /// A count, which cannot be more than the rest has room for: nobody makes us allocate
    /// gigabytes with four bytes.
    mutating func readCount(ofAtLeast size: Int) throws -> Int {
        let count = Int(try read(Int32.self))
        guard count >= 0, count <= rest.count / size else {
            throw PostgresDecodingError.Reason.malformed
        }
        return count
    }

    func end() throws {
        guard rest.isEmpty else { throw PostgresDecodingError.Reason.malformed }
    }
}

extension FixedWidthInteger {
    /// Reads a big-endian integer that fills the buffer.
    @inline(__always)
    init(bigEndianBytes bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count == MemoryLayout<Self>.size else {
            throw PostgresDecodingError.Reason.malformed
        }
        self = Self(bigEndian: bytes.loadUnaligned(as: Self.self))
    }

    @inline(__always)
    func appendBigEndian(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: bigEndian) { bytes.append(contentsOf: $0) }
    }
}

extension String {
    /// UTF-8 of the server's; it has no zero character.
    init(postgresText bytes: UnsafeRawBufferPointer) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw PostgresDecodingError.Reason.malformed
        }
        self = text
    }
}

/// Appends a field behind its length.
func appendField(to bytes: inout [UInt8], _ body: (inout [UInt8]) -> Void) {
    let start = bytes.count
    Int32(0).appendBigEndian(to: &bytes)
    body(&bytes)
    // A value of two gigabytes is refused by libpq; here its length only must not trap.
    let length = Int32(truncatingIfNeeded: bytes.count - start - 4)
    withUnsafeBytes(of: length.bigEndian) { length in
        for (offset, byte) in length.enumerated() { bytes[start + offset] = byte }
    }
}
