import CLibPQ
import Foundation
import PGPoolCore
import Testing

@testable import PGPool

@Suite("Small results, copied out of libpq's")
struct CompactResultTests {
    @Test("Each says what libpq's own says, or is left to it", arguments: 0..<20 as Range<UInt64>)
    func agrees(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let wanted = Int.random(in: 0...2, using: &generator)
            let columns = Int.random(in: 0...14, using: &generator)
            let longest = [3, 60, 200].randomElement(using: &generator) ?? 0
            let (result, size) = try makeResult(wanted, columns, longest, &generator)
            let twin = try #require(PQcopyResult(result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES))
            let own = ResultHandle(twin)
            // Without columns nothing can be put into a row.
            let rows = own.rowCount
            guard let compact = CompactResult.take(result) else {
                #expect(rows > 1 || columns > 12 || size > 900, "not taken: \(size) bytes")
                PQclear(result)
                continue
            }
            #expect(rows <= 1 && columns <= 12 && size <= 900, "taken: \(size) bytes")
            #expect(compact.rowCount == own.rowCount && compact.columnCount == own.columnCount)
            #expect(compact.columnTypes == own.columnTypes)
            for column in 0..<columns {
                let name = own.columnName(column)
                #expect(compact.columnName(column) == name)
                #expect(compact.columnIndex(name) == own.columnIndex(name))
                for row in 0..<rows {
                    let bytes = compact.cell(row, column).map { Array($0) }
                    #expect(bytes == own.cell(row, column).map { Array($0) }, "seed \(seed)")
                }
            }
            #expect(compact.columnIndex("no such column") == nil)
        }
    }

    /// A result as libpq makes it, and how much of it is to be copied: names, values, 12 bytes a column.
    private func makeResult(
        _ rows: Int,
        _ columns: Int,
        _ longest: Int,
        _ generator: inout SeededGenerator
    ) throws -> (OpaquePointer, Int) {
        let result = try #require(PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK))
        var size = 12 * columns
        let names = (0..<columns).map {
            String(repeating: "ä", count: .random(in: 1...9, using: &generator)) + "\($0)"
        }
        var attributes = names.map { name in
            size += name.utf8.count
            return PGresAttDesc(
                name: strdup(name),
                tableid: 0,
                columnid: 0,
                format: .random(in: 0...1, using: &generator),
                typid: .random(in: 16...4_000, using: &generator),
                typlen: -1,
                atttypmod: -1
            )
        }
        defer { for attribute in attributes { free(attribute.name) } }
        #expect(PQsetResultAttrs(result, Int32(columns), &attributes) == 1)
        for row in 0..<rows {
            for column in 0..<columns {
                let length = Int.random(in: -1...longest, using: &generator)
                var value = (0..<max(length, 1)).map { _ in
                    CChar.random(in: .min ... .max, using: &generator)
                }
                #expect(
                    PQsetvalue(result, Int32(row), Int32(column), &value, Int32(length)) == 1
                )
                size += max(0, length)
            }
        }
        return (result, size)
    }
}
