/// Settings of the session travel in the startup packet, as libpq's `options`.
extension ConnectionPool.Configuration {
    /// The server reads a startup packet of up to 10,000 bytes (`MAX_STARTUP_PACKET_LENGTH` in
    /// `src/include/libpq/pqcomm.h`); names, hosts and the like need their share of it.
    private static let maxOptionBytes = 8_000

    /// What is wrong with the settings; each problem names the field.
    var settingProblems: [String] {
        var problems: [String] = []
        var seen: Set<String> = []
        for (name, value) in serverSettings.sorted(by: { $0.key < $1.key }) {
            // A name that is none may hold anything, so it is shown with what it holds escaped.
            let field = "serverSettings[\(name.debugDescription)]"
            if !Self.isSettingName(name) {
                problems.append(
                    "\(field): a name has letters, digits, _ and dots, begins with a letter or _, "
                        + "and is at most 63 bytes a part"
                )
            }
            if value.utf8.contains(0) {
                problems.append("\(field): the value must not have a zero character")
            }
            if !seen.insert(name.lowercased()).inserted {
                problems.append("\(field): given twice, for the server does not tell case apart")
            }
            if name.lowercased() == "client_encoding" {
                problems.append("\(field): must not be set; it is always UTF8")
            }
        }
        if Self.options(serverSettings).utf8.count > Self.maxOptionBytes {
            problems.append("serverSettings: at most 8,000 bytes in all")
        }
        return problems
    }

    /// Adds what the startup packet is to say of settings.
    func addSettings(to parameters: inout [String: String]) {
        var settings = serverSettings
        // By its own name it would overrule the options.
        for name in settings.keys where name.lowercased() == "application_name" {
            parameters["application_name"] = settings.removeValue(forKey: name)
        }
        guard !settings.isEmpty else { return }
        // The server takes the last of two that set the same.
        parameters["options"] = [parameters["options"], Self.options(settings)]
            .compactMap { $0 }.joined(separator: " ")
    }

    private static func options(_ settings: [String: String]) -> String {
        settings.sorted { $0.key < $1.key }
            .map { "-c \($0.key)=\(escapedOption($0.value))" }
            .joined(separator: " ")
    }

    /// The server splits options at white space, of all kinds, and reads what follows a backslash as
    /// it is (PostgreSQL manual, 34.1.2, `options`).
    private static func escapedOption(_ value: String) -> String {
        var bytes: [UInt8] = []
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: " "), 9...13, UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
            default: break
            }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Parts with dots between them, each as an unquoted name is written.
    private static func isSettingName(_ name: String) -> Bool {
        name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
            part in
            guard let first = part.first, part.count <= 63 else { return false }
            return !isDigit(first) && part.allSatisfy { isLetter($0) || isDigit($0) }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
