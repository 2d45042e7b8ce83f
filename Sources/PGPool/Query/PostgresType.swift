/// The object identifier of a type (`pg_type.oid`). The constants are the built-in types', which
/// are the same on every server (`src/include/catalog/pg_type.dat`).
public struct PostgresType: RawRepresentable, Hashable, Sendable {
    /// The object identifier.
    public let rawValue: UInt32

    /// A type by its object identifier.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The server infers the type from where the parameter stands.
    public static let unspecified = PostgresType(rawValue: 0)
    /// `boolean`.
    public static let bool = PostgresType(rawValue: 16)
    /// `bytea`.
    public static let bytea = PostgresType(rawValue: 17)
    /// `"char"`.
    public static let char = PostgresType(rawValue: 18)
    /// `name`.
    public static let name = PostgresType(rawValue: 19)
    /// `bigint`.
    public static let int8 = PostgresType(rawValue: 20)
    /// `smallint`.
    public static let int2 = PostgresType(rawValue: 21)
    /// `integer`.
    public static let int4 = PostgresType(rawValue: 23)
    /// `text`.
    public static let text = PostgresType(rawValue: 25)
    /// `oid`.
    public static let oid = PostgresType(rawValue: 26)
    /// `json`.
    public static let json = PostgresType(rawValue: 114)
    /// `xml`.
    public static let xml = PostgresType(rawValue: 142)
    /// `cidr`.
    public static let cidr = PostgresType(rawValue: 650)
    /// `real`.
    public static let float4 = PostgresType(rawValue: 700)
    /// `double precision`.
    public static let float8 = PostgresType(rawValue: 701)
    /// `unknown`.
    public static let unknown = PostgresType(rawValue: 705)
    /// `inet`.
    public static let inet = PostgresType(rawValue: 869)
    /// `character(n)`.
    public static let bpchar = PostgresType(rawValue: 1042)
    /// `character varying`.
    public static let varchar = PostgresType(rawValue: 1043)
    /// `date`.
    public static let date = PostgresType(rawValue: 1082)
    /// `time without time zone`.
    public static let time = PostgresType(rawValue: 1083)
    /// `timestamp without time zone`.
    public static let timestamp = PostgresType(rawValue: 1114)
    /// `timestamp with time zone`.
    public static let timestamptz = PostgresType(rawValue: 1184)
    /// `interval`.
    public static let interval = PostgresType(rawValue: 1186)
    /// `time with time zone`.
    public static let timetz = PostgresType(rawValue: 1266)
    /// `numeric`.
    public static let numeric = PostgresType(rawValue: 1700)
    /// An anonymous row.
    public static let record = PostgresType(rawValue: 2249)
    /// `uuid`.
    public static let uuid = PostgresType(rawValue: 2950)
    /// `jsonb`.
    public static let jsonb = PostgresType(rawValue: 3802)

    /// Identifiers from here on belong to types that somebody created, extensions included
    /// (`FirstNormalObjectId` in `src/include/access/transam.h`).
    var isUserDefined: Bool { rawValue >= 16384 }
}

extension PostgresType {
    /// The type of arrays of this type; ``unspecified`` when it is not a built-in one.
    public var array: PostgresType {
        let identifier: UInt32 =
            switch self {
            case .bool: 1000
            case .bytea: 1001
            case .char: 1002
            case .name: 1003
            case .int2: 1005
            case .int4: 1007
            case .text: 1009
            case .bpchar: 1014
            case .varchar: 1015
            case .int8: 1016
            case .float4: 1021
            case .float8: 1022
            case .oid: 1028
            case .inet: 1041
            case .cidr: 651
            case .json: 199
            case .xml: 143
            case .timestamp: 1115
            case .date: 1182
            case .time: 1183
            case .timestamptz: 1185
            case .interval: 1187
            case .numeric: 1231
            case .timetz: 1270
            case .record: 2287
            case .uuid: 2951
            case .jsonb: 3807
            default: arrayOfRanges
            }
        return PostgresType(rawValue: identifier)
    }

    /// A built-in range's array type has the number after its own; a multirange's lies apart.
    private var arrayOfRanges: UInt32 {
        switch rawValue {
        case 3904, 3906, 3908, 3910, 3912, 3926: rawValue + 1
        case 4451: 6150
        case 4532: 6151
        case 4533: 6152
        case 4534: 6153
        case 4535: 6155
        case 4536: 6157
        default: 0
        }
    }

    /// The range over this type; ``unspecified`` when it is not a built-in one.
    public var range: PostgresType {
        let identifier: UInt32 =
            switch self {
            case .int4: 3904
            case .numeric: 3906
            case .timestamp: 3908
            case .timestamptz: 3910
            case .date: 3912
            case .int8: 3926
            default: 0
            }
        return PostgresType(rawValue: identifier)
    }

    /// The multirange over this type; ``unspecified`` when it is not a built-in one.
    public var multirange: PostgresType {
        let identifier: UInt32 =
            switch self {
            case .int4: 4451
            case .numeric: 4532
            case .timestamp: 4533
            case .timestamptz: 4534
            case .date: 4535
            case .int8: 4536
            default: 0
            }
        return PostgresType(rawValue: identifier)
    }

    /// What a range or multirange is over; `nil` when this is a built-in type that is neither, and
    /// ``unspecified`` when only the server knows.
    var rangeBound: PostgresType? {
        switch rawValue {
        case 3904, 4451: .int4
        case 3906, 4532: .numeric
        case 3908, 4533: .timestamp
        case 3910, 4534: .timestamptz
        case 3912, 4535: .date
        case 3926, 4536: .int8
        default: isUserDefined ? .unspecified : nil
        }
    }
}
