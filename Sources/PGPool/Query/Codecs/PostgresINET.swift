/// An `inet` or `cidr`: an address of IPv4 or IPv6 and the length of its network's prefix.
public struct PostgresINET: Hashable, Sendable, PostgresCodable {
    /// Four or sixteen bytes.
    public let address: [UInt8]
    /// How many of the address's bits name the network; all of them for a host alone.
    public let prefixLength: Int
    /// Whether it is a `cidr`: a network, whose other bits are zero.
    public let isCIDR: Bool

    /// An address by its bytes.
    ///
    /// - Parameter prefixLength: default: all bits.
    /// - Returns: `nil` unless there are four or sixteen bytes and the prefix fits into them, and for
    ///   a `cidr` with bits behind its prefix.
    public init?(address: [UInt8], prefixLength: Int? = nil, isCIDR: Bool = false) {
        let bits = 8 * address.count
        let length = prefixLength ?? bits
        guard address.count == 4 || address.count == 16, (0...bits).contains(length) else {
            return nil
        }
        if isCIDR, Self.hasBits(behind: length, address) { return nil }
        self.address = address
        self.prefixLength = length
        self.isCIDR = isCIDR
    }

    /// Whether it is an address of IPv6.
    public var isIPv6: Bool { address.count == 16 }

    private static func hasBits(behind length: Int, _ address: [UInt8]) -> Bool {
        address.enumerated().contains { index, byte in
            let networkBits = min(8, max(0, length - 8 * index))
            return byte & UInt8(0xFF >> networkBits) != 0
        }
    }

    /// `inet`.
    public static var postgresType: PostgresType { .inet }
    /// `cidr` for networks.
    public var parameterType: PostgresType { isCIDR ? .cidr : .inet }

    // `PGSQL_AF_INET` and `PGSQL_AF_INET6` in `src/include/utils/inet.h`.
    private static let familyOfIPv4: UInt8 = 2
    private static let familyOfIPv6: UInt8 = 3

    /// Appends family, prefix and address (`network_send` in `src/backend/utils/adt/network.c`).
    public func encode(into bytes: inout [UInt8]) {
        bytes.append(isIPv6 ? Self.familyOfIPv6 : Self.familyOfIPv4)
        bytes.append(UInt8(prefixLength))
        bytes.append(isCIDR ? 1 : 0)
        bytes.append(UInt8(address.count))
        bytes.append(contentsOf: address)
    }

    /// Reads `inet` and `cidr`.
    public init(postgresBytes bytes: UnsafeRawBufferPointer, type: PostgresType) throws {
        guard type == .inet || type == .cidr else {
            throw PostgresDecodingError.Reason.typeMismatch
        }
        var reader = WireReader(bytes)
        let family = try reader.read(UInt8.self)
        let length = Int(try reader.read(UInt8.self))
        _ = try reader.read(UInt8.self)
        let address = try reader.take(Int(try reader.read(UInt8.self)))
        try reader.end()
        guard family == (address.count == 4 ? Self.familyOfIPv4 : Self.familyOfIPv6),
            let value = Self(
                address: Array(address),
                prefixLength: length,
                isCIDR: type == .cidr
            )
        else { throw PostgresDecodingError.Reason.malformed }
        self = value
    }
}
