import Foundation
import Glibc
import Synchronization

/// What a person at a terminal sees on standard error while the work goes on.
enum Console {
    /// Redrawn in place, and absent when standard error is no terminal.
    private static let line = Mutex("")
    private static let isTerminal = isatty(STDERR_FILENO) == 1

    /// Shows the progress, in place of what was shown before.
    static func progress(_ text: String) {
        guard isTerminal else { return }
        line.withLock { shown in
            shown = String(text.prefix(columns() - 1))
            write("\r\u{1B}[K" + shown)
        }
    }

    /// Removes the progress line.
    static func clearProgress() {
        line.withLock { shown in
            if !shown.isEmpty { write("\r\u{1B}[K") }
            shown = ""
        }
    }

    /// Prints a line that stays.
    static func note(_ text: String) {
        line.withLock { shown in
            write((shown.isEmpty ? "" : "\r\u{1B}[K") + text + "\n" + shown)
        }
    }

    private static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    private static func columns() -> Int {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return isKnown ? Int(size.ws_col) : 80
    }
}
