/// Writes markup that is well-formed as HTML and as XML.
enum Markup {
    /// Text as it may stand between tags and in attributes.
    ///
    /// Control characters that XML forbids become the replacement character.
    static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
            case "\u{0}"..<"\u{20}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// An element around markup; attributes' values are escaped.
    static func element(
        _ name: String,
        _ attributes: KeyValuePairs<String, String> = [:],
        _ content: String = ""
    ) -> String {
        let list = attributes.map { " \($0.key)=\"\(escape($0.value))\"" }.joined()
        return "<\(name)\(list)>\(content)</\(name)>"
    }

    /// An element around text, which is escaped.
    static func element(
        _ name: String,
        _ attributes: KeyValuePairs<String, String> = [:],
        text: String
    ) -> String {
        element(name, attributes, escape(text))
    }
}
