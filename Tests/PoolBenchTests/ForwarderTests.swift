import CPoolBenchBaselines
import Dispatch
import Foundation
import Glibc
import Testing

@testable import pool_bench

@Suite(.timeLimit(.minutes(1))) struct ForwarderTests {
    /// A server that sends everything back.
    private final class Echo: Sendable {
        let listener: Int32
        var port: Int { Socket.port(of: listener) }

        init() throws {
            listener = try Socket.listen()
            _ = fcntl(listener, F_SETFL, 0)
            let listener = listener
            Thread {
                while true {
                    let client = Glibc.accept(listener, nil, nil)
                    guard client >= 0 else { return }
                    Thread { Self.serve(client) }.start()
                }
            }.start()
        }

        deinit { shutdown(listener, Int32(SHUT_RDWR)) }

        private static func serve(_ client: Int32) {
            var buffer = [UInt8](repeating: 0, count: 1 << 14)
            while true {
                let count = read(client, &buffer, buffer.count)
                guard count > 0, write(client, buffer, count) == count else { break }
            }
            close(client)
        }
    }

    private func client(of port: Int) throws -> Int32 {
        let address = try SocketAddress(host: "127.0.0.1", port: port)
        let descriptor = try #require(Socket.connect(to: address))
        _ = fcntl(descriptor, F_SETFL, 0)
        return descriptor
    }

    private func exchange(_ descriptor: Int32, _ bytes: [UInt8]) -> [UInt8] {
        let queue = DispatchQueue(label: "writer")
        queue.async {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    write(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent)
                }
                guard count > 0 else { return }
                sent += count
            }
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while received.count < bytes.count {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            received += buffer.prefix(count)
        }
        queue.sync {}
        return received
    }

    @Test func passesBytesUnchangedBothWays() throws {
        let echo = try Echo()
        let forwarder = try Forwarder(host: "127.0.0.1", port: echo.port, connectDelay: .zero)
        let descriptor = try client(of: forwarder.port)
        defer { close(descriptor) }
        #expect(exchange(descriptor, Array("hello".utf8)) == Array("hello".utf8))
        // More than the sockets hold, so that both sides are full at times.
        let much = (0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
        #expect(exchange(descriptor, much) == much)
        forwarder.stop()
    }

    @Test func delaysEachConnectButNoLaterByte() throws {
        let echo = try Echo()
        let delay = Duration.milliseconds(120)
        let forwarder = try Forwarder(host: "127.0.0.1", port: echo.port, connectDelay: delay)
        let start = MonotonicClock.now()
        let descriptors = try (0..<20).map { _ in try client(of: forwarder.port) }
        defer { for descriptor in descriptors { close(descriptor) } }
        for descriptor in descriptors { #expect(exchange(descriptor, [1, 2, 3]) == [1, 2, 3]) }
        // A lower bound only: how late a busy machine is says nothing about the forwarder.
        #expect(MonotonicClock.seconds(from: start, to: MonotonicClock.now()) >= 0.12)
        forwarder.stop()
    }

    @Test func closesWhatTheServerRefuses() throws {
        let listener = try Socket.listen()
        let port = Socket.port(of: listener)
        close(listener)
        let forwarder = try Forwarder(host: "127.0.0.1", port: port, connectDelay: .zero)
        let descriptor = try client(of: forwarder.port)
        defer { close(descriptor) }
        #expect(exchange(descriptor, [1]).isEmpty)
        forwarder.stop()
    }

    @Test func passesOnTheEndAndSleepsAfterwards() throws {
        let echo = try Echo()
        let forwarder = try Forwarder(host: "127.0.0.1", port: echo.port, connectDelay: .zero)
        let descriptor = try client(of: forwarder.port)
        #expect(exchange(descriptor, [7]) == [7])
        shutdown(descriptor, Int32(SHUT_WR))
        var byte: UInt8 = 0
        #expect(read(descriptor, &byte, 1) == 0)
        close(descriptor)
        forwarder.stop()
        forwarder.stop()
    }
}
