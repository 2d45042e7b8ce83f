/// The binary format of arrays (`array_send` and `array_recv` in
/// `src/backend/utils/adt/arrayfuncs.c`).
enum ArrayFormat {
    /// `MAXDIM` in `src/include/utils/array.h`.
    static let maximumDimensions = 6

    typealias Extent = (count: Int, lowerBound: Int)

    /// The product of the dimensions; `nil` when it overflows.
    static func elementCount(of dimensions: [Int]) -> Int? {
        guard !dimensions.isEmpty else { return 0 }
        var product = 1
        for dimension in dimensions {
            let (next, overflows) = product.multipliedReportingOverflow(by: dimension)
            guard !overflows else { return nil }
            product = next
        }
        return product
    }

    /// What the array's elements are; the first value decides where values have types of their own.
    static func elementType<Element: PostgresArrayElement>(of elements: [Element]) -> PostgresType {
        let type = Element.ArrayScalar.postgresType
        guard type == .unspecified else { return type }
        return elements.lazy.compactMap(\.arrayScalar).first?.parameterType ?? type
    }

    static func encode<Element: PostgresArrayElement>(
        _ elements: [Element],
        _ dimensions: [Extent],
        to bytes: inout [UInt8]
    ) {
        Int32(dimensions.count).appendBigEndian(to: &bytes)
        let flags = bytes.count
        Int32(0).appendBigEndian(to: &bytes)
        elementType(of: elements).rawValue.appendBigEndian(to: &bytes)
        for dimension in dimensions {
            Int32(truncatingIfNeeded: dimension.count).appendBigEndian(to: &bytes)
            Int32(truncatingIfNeeded: dimension.lowerBound).appendBigEndian(to: &bytes)
        }
        for element in elements {
            if let value = element.arrayScalar {
                appendField(to: &bytes) { value.encode(into: &$0) }
            } else {
                bytes[flags + 3] = 1
                Int32(-1).appendBigEndian(to: &bytes)
            }
        }
    }

    /// What comes before the elements.
    struct Header {
        let elementType: PostgresType
        private(set) var dimensions: [Extent] = []
        private(set) var count = 0
        private var reader: WireReader

        init(_ bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
            // A type that we know an array of is none itself.
            guard type.array == .unspecified, type != .unknown else {
                throw PostgresDecodingError.Reason.typeMismatch
            }
            reader = WireReader(bytes)
            let dimensionCount = try reader.read(Int32.self)
            let flags = try reader.read(Int32.self)
            elementType = PostgresType(rawValue: try reader.read())
            guard (0...Int32(maximumDimensions)).contains(dimensionCount), (0...1).contains(flags)
            else { throw PostgresDecodingError.Reason.malformed }
            for _ in 0..<dimensionCount {
                let extent = (
                    count: Int(try reader.read(Int32.self)),
                    lowerBound: Int(try reader.read(Int32.self))
                )
                guard extent.count >= 0 else { throw PostgresDecodingError.Reason.malformed }
                dimensions.append(extent)
            }
            // Each element has a length of four bytes: nobody makes us allocate gigabytes.
            guard let count = elementCount(of: dimensions.map(\.count)),
                count <= reader.rest.count / 4
            else { throw PostgresDecodingError.Reason.malformed }
            self.count = count
            if count == 0 { dimensions = [] }
        }

        mutating func readElements<Element: PostgresColumn>() throws -> [Element] {
            var elements: [Element] = []
            elements.reserveCapacity(count)
            for _ in 0..<count {
                elements.append(
                    try Element(postgresCell: try reader.takeField(), type: elementType)
                )
            }
            try reader.end()
            return elements
        }
    }
}

/// The text format of arrays, for elements whose type only the server knows (PostgreSQL manual,
/// 8.15.2 and 8.15.6).
enum ArrayText {
    static func encode<Element: PostgresArrayElement>(
        _ elements: [Element],
        _ dimensions: [ArrayFormat.Extent],
        to bytes: inout [UInt8]
    ) {
        if dimensions.contains(where: { $0.lowerBound != 1 }) {
            for dimension in dimensions {
                let last = dimension.lowerBound + dimension.count - 1
                bytes.append(contentsOf: "[\(dimension.lowerBound):\(last)]".utf8)
            }
            bytes.append(UInt8(ascii: "="))
        }
        append(elements[...], dimensions.map(\.count)[...], to: &bytes)
    }

    private static func append<Element: PostgresArrayElement>(
        _ elements: ArraySlice<Element>,
        _ dimensions: ArraySlice<Int>,
        to bytes: inout [UInt8]
    ) {
        bytes.append(UInt8(ascii: "{"))
        let count = dimensions.first ?? 0
        let stride = elements.count / max(1, count)
        for position in 0..<count {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            let start = elements.startIndex + position * stride
            if dimensions.count > 1 {
                append(elements[start..<(start + stride)], dimensions.dropFirst(), to: &bytes)
            } else {
                append(elements[start], to: &bytes)
            }
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func append(_ element: some PostgresArrayElement, to bytes: inout [UInt8]) {
        guard let value = element.arrayScalar else {
            bytes.append(contentsOf: "NULL".utf8)
            return
        }
        var text: [UInt8] = []
        value.encode(into: &text)
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes.append(UInt8(ascii: "\\"))
            }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
