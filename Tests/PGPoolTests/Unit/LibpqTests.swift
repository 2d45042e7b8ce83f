import CLibPQ
import Foundation
import Testing

@testable import PGPool

@Suite struct LibpqTests {
    @Test("Syncs are kept for the flush exactly where the libpq that is loaded can")
    func keepsSyncs() throws {
        #expect(Session.keepsSyncs == (PQlibVersion() >= 170_000))
        // scripts/test libpq17 says what it loads.
        if let least = ProcessInfo.processInfo.environment["LIBPQ_AT_LEAST"] {
            #expect(
                try PQlibVersion() >= 10_000 * #require(Int32(least)),
                "an older libpq was loaded: look at what ldd says of the tests' program"
            )
        }
    }
}
