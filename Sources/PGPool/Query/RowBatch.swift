/// Some rows of a stream, copied out of libpq's results, which take kilobytes for each row.
///
/// Proof of sendability: it is filled by whoever made it, under that one's lock, and not changed
/// once it is handed over.
final class RowBatch: ResultStorage, @unchecked Sendable {
    private struct Cell {
        var start: UInt32
        /// -1 for NULL.
        var length: Int32
    }

    let columns: RowColumns
    /// The place of the first row in the whole stream.
    let firstRow: Int
    private(set) var rowCount = 0
    private var cells: [Cell] = []
    private var bytes: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0

    init(_ columns: RowColumns, firstRow: Int) {
        self.columns = columns
        self.firstRow = firstRow
        capacity = 4_096
        bytes = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit {
        bytes.deallocate()
    }

    var columnCount: Int { columns.names.count }
    var affectedRows: Int { 0 }
    var commandTag: String { "" }
    func columnName(_ column: Int) -> String { columns.names[column] }
    func columnType(_ column: Int) -> PostgresType { columns.types[column] }

    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let cell = cells[row * columnCount + column]
        guard cell.length >= 0 else { return nil }
        return UnsafeRawBufferPointer(start: bytes + Int(cell.start), count: Int(cell.length))
    }

    /// What it holds in memory.
    var size: Int { count + cells.count * MemoryLayout<Cell>.size }

    /// Adds the next cell of the row that is being filled; `nil` for NULL.
    func append(_ cell: UnsafeRawBufferPointer?) {
        guard let cell else {
            cells.append(Cell(start: UInt32(truncatingIfNeeded: count), length: -1))
            return
        }
        if count + cell.count > capacity { grow(to: count + cell.count) }
        if let source = cell.baseAddress {
            (bytes + count).copyMemory(from: source, byteCount: cell.count)
        }
        // A batch is full at a gigabyte at the latest, and a row has less than two.
        cells.append(
            Cell(
                start: UInt32(truncatingIfNeeded: count),
                length: Int32(truncatingIfNeeded: cell.count)
            )
        )
        count += cell.count
    }

    /// All cells of a row were added.
    func endRow() {
        rowCount += 1
    }

    private func grow(to needed: Int) {
        capacity = max(2 * capacity, needed)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: bytes, byteCount: count)
        bytes.deallocate()
        bytes = larger
    }
}

/// What all batches of a stream have in common.
final class RowColumns: Sendable {
    let names: [String]
    let types: [PostgresType]

    init(names: [String], types: [PostgresType]) {
        self.names = names
        self.types = types
    }
}
