#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Decodes the rows of one result into a `Decodable` type.
///
/// One decoder serves all rows: a type asks for the same keys in the same order each time, so the
/// second row's columns are found by comparing each key with the one that the first row asked for.
final class RowDecoder: Decoder {
    let storage: any ResultStorage
    private let strategy: PostgresKeyStrategy
    private let types: [PostgresType]
    let columnNames: [String]
    /// Made when a row asks in another order than the one before and there are many columns.
    private lazy var columnsByName = Dictionary(
        columnNames.enumerated().map { ($1, $0) }
    ) { first, _ in first }
    private(set) var row = 0
    /// What was asked for, in order, and the place in it.
    private var asked: [(key: String, column: Int?)] = []
    private var place = 0
    /// By column: what its property's type was found to be.
    private var casts: [Cast?]
    private lazy var jsonDecoder = JSONDecoder()

    private struct Cast {
        var type: ObjectIdentifier
        var column: (any PostgresColumn.Type)?
    }

    /// More keys than this are looked up by name.
    private static let rememberedKeys = 2048
    /// Up to this many names are searched one by one.
    private static let searchedNames = 16

    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(_ storage: any ResultStorage, _ strategy: PostgresKeyStrategy) {
        self.storage = storage
        self.strategy = strategy
        types = storage.columnTypes
        casts = Array(repeating: nil, count: types.count)
        columnNames = types.indices.map(storage.columnName)
    }

    func decode<Value: Decodable>(_ type: Value.Type, row: Int) throws -> Value {
        self.row = row
        place = 0
        do {
            return try Value(from: self)
        } catch is DecodingError where types.count == 1 {
            // It would quote the value.
            throw storage.error(.outOfRange, column: 0, row: row, expected: type)
        }
    }

    func container<Key: CodingKey>(
        keyedBy type: Key.Type
    ) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RowContainer(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw refusal("an array")
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        guard types.count == 1 else { throw refusal("a single value") }
        return CellDecoder(row: self, column: 0)
    }

    func refusal(_ expected: String) -> PostgresDecodingError {
        PostgresDecodingError(
            reason: .columnCount,
            column: "\(types.count) columns",
            type: .unspecified,
            expected: expected,
            row: row + storage.firstRow
        )
    }

    // MARK: - Columns

    /// The column for a key; `nil` when the result has none.
    func column(_ key: String) -> Int? {
        if place < asked.count, asked[place].key == key {
            defer { place += 1 }
            return asked[place].column
        }
        let column = find(strategy.column(for: key))
        if place == asked.count, place < Self.rememberedKeys {
            asked.append((key, column))
            place += 1
        }
        return column
    }

    private func find(_ name: String) -> Int? {
        columnNames.count <= Self.searchedNames
            ? columnNames.firstIndex(of: name) : columnsByName[name]
    }

    func requiredColumn(_ key: String, _ expected: Any.Type) throws -> Int {
        if let column = column(key) { return column }
        throw PostgresDecodingError(
            reason: .noSuchColumn,
            column: strategy.column(for: key),
            type: .unspecified,
            expected: String(describing: expected),
            row: row + storage.firstRow
        )
    }

    // MARK: - Cells

    func isNull(_ column: Int) -> Bool { storage.cell(row, column) == nil }

    /// A cell as a type that is known to be one that columns are read as.
    func value<Value: PostgresColumn>(_ type: Value.Type, _ column: Int) throws -> Value {
        do {
            return try Value(postgresCell: storage.cell(row, column), type: types[column])
        } catch {
            throw storage.placed(error, column: column, row: row, expected: type)
        }
    }

    /// A cell as any type.
    func decode<Value: Decodable>(_ type: Value.Type, _ column: Int) throws -> Value {
        do {
            if let columnType = cast(type, column) {
                return try read(columnType, as: type, column)
            }
            return try readOther(type, column)
        } catch is DecodingError {
            // It would quote the value.
            throw storage.error(.outOfRange, column: column, row: row, expected: type)
        } catch {
            throw storage.placed(error, column: column, row: row, expected: type)
        }
    }

    private func cast(_ type: (some Decodable).Type, _ column: Int) -> (any PostgresColumn.Type)? {
        if let known = casts[column], known.type == ObjectIdentifier(type) { return known.column }
        let found = type as? any PostgresColumn.Type
        casts[column] = Cast(type: ObjectIdentifier(type), column: found)
        return found
    }

    private func read<Value: Decodable>(
        _ columnType: any PostgresColumn.Type,
        as type: Value.Type,
        _ column: Int
    ) throws -> Value {
        let cell = storage.cell(row, column)
        do {
            return try withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { memory in
                guard let address = memory.baseAddress else {
                    throw PostgresDecodingError.Reason.typeMismatch
                }
                // `columnType` is `Value.self`: it came from casting that.
                try columnType.initialize(UnsafeMutableRawPointer(address), cell, types[column])
                return address.move()
            }
        } catch PostgresDecodingError.Reason.typeMismatch where isJSON(column) {
            return try readOther(type, column)
        }
    }

    private func isJSON(_ column: Int) -> Bool {
        types[column] == .json || types[column] == .jsonb
    }

    /// A type that says itself how to be decoded: from JSON, or from a cell.
    private func readOther<Value: Decodable>(_ type: Value.Type, _ column: Int) throws -> Value {
        guard isJSON(column) else {
            return try Value(from: CellDecoder(row: self, column: column))
        }
        guard let cell = storage.cell(row, column) else { throw PostgresDecodingError.Reason.null }
        let body = try JSONText.body(of: cell, type: types[column])
        return try JSONText.decode(type, from: body, with: jsonDecoder)
    }
}

extension PostgresColumn {
    /// Reads a cell into memory for a value of this type.
    fileprivate static func initialize(
        _ memory: UnsafeMutableRawPointer,
        _ cell: UnsafeRawBufferPointer?,
        _ type: PostgresType
    ) throws {
        memory.initializeMemory(as: Self.self, to: try Self(postgresCell: cell, type: type))
    }
}
