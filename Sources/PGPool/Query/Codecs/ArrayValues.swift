extension Array: PostgresEncodable where Element: PostgresArrayElement {
    /// The array type over the element's; `bytea` for `[UInt8]`.
    public static var postgresType: PostgresType {
        Element.self == UInt8.self ? .bytea : Element.ArrayScalar.postgresType.array
    }

    /// The array type over what the elements are.
    public var parameterType: PostgresType {
        Element.self == UInt8.self ? .bytea : ArrayFormat.elementType(of: self).array
    }

    /// As the element.
    public static var isBinary: Bool { Element.ArrayScalar.isBinary }

    /// Appends an array of one dimension that begins at 1; `[UInt8]` as `bytea`.
    public func encode(into bytes: inout [UInt8]) {
        // The second cast alone would do for an empty array of anything.
        if Element.self == UInt8.self, let octets = self as? [UInt8] {
            bytes.append(contentsOf: octets)
            return
        }
        let dimensions = isEmpty ? [] : [(count: count, lowerBound: 1)]
        if Self.isBinary {
            ArrayFormat.encode(self, dimensions, to: &bytes)
        } else {
            ArrayText.encode(self, dimensions, to: &bytes)
        }
    }
}

extension Array: PostgresColumn, PostgresDecodable where Element: PostgresArrayElement {
    /// Reads an array of one dimension, wherever it begins, and `[UInt8]` reads `bytea` too. With
    /// more dimensions it is an error that says so: ``PostgresArray`` has them.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        if type == .bytea, Element.self == UInt8.self, let octets = [UInt8](bytes) as? Self {
            self = octets
            return
        }
        var header = try ArrayFormat.Header(bytes, type: type)
        guard header.dimensions.count <= 1 else {
            throw PostgresDecodingError.Reason.severalDimensions
        }
        self = try header.readElements()
    }
}
