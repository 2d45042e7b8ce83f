/// The result of a statement without any.
final class EmptyResult: ResultStorage {
    static let shared = EmptyResult()

    let rowCount = 0
    let columnCount = 0
    let affectedRows = 0
    let commandTag = ""
    func columnName(_ column: Int) -> String { "" }
    func columnType(_ column: Int) -> PostgresType { .unspecified }
}
