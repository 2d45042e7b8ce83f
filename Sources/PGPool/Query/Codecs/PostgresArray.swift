/// An array of any number of dimensions, with the lower bounds that the server keeps for them.
///
/// `[Element]` serves for one dimension. Elements that may be NULL are optional.
public struct PostgresArray<Element: PostgresArrayElement>: Sendable {
    /// One dimension's extent.
    public struct Dimension: Hashable, Sendable {
        /// How many elements, or arrays of the dimensions below, it has; at least 1.
        public var count: Int
        /// The first one's index; the server's default is 1.
        public var lowerBound: Int

        /// A dimension.
        public init(count: Int, lowerBound: Int = 1) {
            self.count = count
            self.lowerBound = lowerBound
        }
    }

    /// All elements, the last dimension's next to each other.
    public let elements: [Element]
    /// The dimensions, the outermost first; none for an empty array.
    public let dimensions: [Dimension]

    /// An array of one dimension that begins at a lower bound.
    public init(_ elements: [Element], lowerBound: Int32 = 1) {
        self.elements = elements
        dimensions =
            elements.isEmpty
            ? [] : [Dimension(count: elements.count, lowerBound: Int(lowerBound))]
    }

    /// An array of several dimensions.
    ///
    /// - Returns: `nil` unless there are as many elements as the dimensions' product, at most six
    ///   dimensions, none of them empty, and bounds that are 32-bit integers. No dimensions stand
    ///   for no elements.
    public init?(_ elements: [Element], dimensions: [Dimension]) {
        guard dimensions.count <= ArrayFormat.maximumDimensions,
            ArrayFormat.elementCount(of: dimensions.map(\.count)) == elements.count,
            dimensions.allSatisfy({ dimension in
                let last = dimension.lowerBound.addingReportingOverflow(dimension.count - 1)
                return dimension.count > 0 && !last.overflow && dimension.count <= Int32.max
                    && Int32(exactly: dimension.lowerBound) != nil && last.partialValue < Int32.max
            })
        else { return nil }
        self.elements = elements
        self.dimensions = dimensions
    }

    /// The element at one index for each dimension, counted from the lower bounds; `nil` where there
    /// is none, as on the server.
    public func element(at indices: Int...) -> Element? {
        guard indices.count == dimensions.count, !elements.isEmpty else { return nil }
        var place = 0
        for (index, dimension) in zip(indices, dimensions) {
            let (offset, overflows) = index.subtractingReportingOverflow(dimension.lowerBound)
            guard !overflows, (0..<dimension.count).contains(offset) else { return nil }
            place = place * dimension.count + offset
        }
        return elements[place]
    }
}

extension PostgresArray: Equatable where Element: Equatable {}
extension PostgresArray: Hashable where Element: Hashable {}

extension PostgresArray: PostgresEncodable {
    /// The array type over the element's.
    public static var postgresType: PostgresType { Element.ArrayScalar.postgresType.array }
    /// The array type over what the elements are.
    public var parameterType: PostgresType { ArrayFormat.elementType(of: elements).array }
    /// As the element.
    public static var isBinary: Bool { Element.ArrayScalar.isBinary }

    /// Appends the dimensions and the elements.
    public func encode(into bytes: inout [UInt8]) {
        if Self.isBinary {
            ArrayFormat.encode(elements, dimensions.map { ($0.count, $0.lowerBound) }, to: &bytes)
        } else {
            ArrayText.encode(elements, dimensions.map { ($0.count, $0.lowerBound) }, to: &bytes)
        }
    }
}

extension PostgresArray: PostgresDecodable {
    /// Reads an array of what the element reads.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        var header = try ArrayFormat.Header(bytes, type: type)
        dimensions = header.dimensions.map { Dimension(count: $0.count, lowerBound: $0.lowerBound) }
        elements = try header.readElements()
    }
}
