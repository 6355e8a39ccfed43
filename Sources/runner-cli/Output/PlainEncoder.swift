/// Writes a value as JSON on one line, with its properties as keys, in snake case and in their order:
/// what `JSON.value(in:)` reads.
///
/// A run writes so once a second. With Foundation's encoder, which looks at what a value is as it
/// goes, that takes some MB more of memory, since all that the program knows of types is read in.
struct PlainEncoder: Encoder {
    private let place = Place()

    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    /// - Throws: The error of the value's own `encode`, or `PlainEncodingError` for a number that
    ///   JSON has none for.
    static func text(_ value: some Encodable) throws -> String {
        let encoder = PlainEncoder()
        try value.encode(to: encoder)
        var text = ""
        encoder.place.write(to: &text)
        return text
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        place.beginObject()
        return KeyedEncodingContainer(Members<Key>(place: place))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        place.beginArray()
        return Items(place: place)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(place: place) }

    /// A value in the text.
    fileprivate final class Place {
        private enum Content {
            case text(String)
            case object([(key: String, value: Place)])
            case array([Place])
        }

        private var content = Content.text("null")

        func beginObject() { if case .object = content {} else { content = .object([]) } }
        func beginArray() { if case .array = content {} else { content = .array([]) } }
        func set(_ text: String) { content = .text(text) }

        func member(_ key: any CodingKey) -> PlainEncoder {
            let encoder = PlainEncoder()
            if case .object(var members) = content {
                content = .text("")  // or they would be copied
                members.append((Self.snakeCase(key.stringValue), encoder.place))
                content = .object(members)
            }
            return encoder
        }

        func item() -> PlainEncoder {
            let encoder = PlainEncoder()
            if case .array(var items) = content {
                content = .text("")
                items.append(encoder.place)
                content = .array(items)
            }
            return encoder
        }

        var count: Int { if case .array(let items) = content { items.count } else { 0 } }

        func write(to text: inout String) {
            switch content {
            case .text(let value): text += value
            case .object(let members):
                for (index, member) in members.enumerated() {
                    text += (index == 0 ? "{\"" : ",\"") + member.key + "\":"
                    member.value.write(to: &text)
                }
                text += members.isEmpty ? "{}" : "}"
            case .array(let items):
                for (index, item) in items.enumerated() {
                    text += index == 0 ? "[" : ","
                    item.write(to: &text)
                }
                text += items.isEmpty ? "[]" : "]"
            }
        }

        static func quoted(_ text: String) -> String {
            var quoted = "\""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"", "\\": quoted += "\\\(scalar)"
                case _ where scalar.value < 0x20:
                    let digits = String(scalar.value, radix: 16)
                    quoted += "\\u00" + (digits.count < 2 ? "0" : "") + digits
                default: quoted.unicodeScalars.append(scalar)
                }
            }
            return quoted + "\""
        }

        private static func snakeCase(_ name: String) -> String {
            name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
        }
    }

    private struct Single: SingleValueEncodingContainer {
        let place: Place
        let codingPath: [any CodingKey] = []

        func encodeNil() { place.set("null") }
        func encode(_ value: Bool) { place.set(value ? "true" : "false") }
        func encode(_ value: String) { place.set(Place.quoted(value)) }
        func encode(_ value: Double) throws {
            guard value.isFinite else { throw PlainEncodingError(number: value) }
            place.set("\(value)")
        }
        func encode(_ value: Float) throws { try encode(Double(value)) }
        func encode(_ value: some Encodable & BinaryInteger) { place.set("\(value)") }
        func encode(_ value: some Encodable) throws {
            let encoder = PlainEncoder()
            try value.encode(to: encoder)
            var text = ""
            encoder.place.write(to: &text)
            place.set(text)
        }
    }

    private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let place: Place
        let codingPath: [any CodingKey] = []

        func encodeNil(forKey key: Key) { _ = place.member(key) }
        func encode(_ value: some Encodable, forKey key: Key) throws {
            try value.encode(to: place.member(key))
        }
        func nestedContainer<NestedKey: CodingKey>(
            keyedBy type: NestedKey.Type, forKey key: Key
        ) -> KeyedEncodingContainer<NestedKey> { place.member(key).container(keyedBy: type) }
        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            place.member(key).unkeyedContainer()
        }
        func superEncoder() -> any Encoder { place.member(SuperKey()) }
        func superEncoder(forKey key: Key) -> any Encoder { place.member(key) }
    }

    private struct Items: UnkeyedEncodingContainer {
        let place: Place
        let codingPath: [any CodingKey] = []
        var count: Int { place.count }

        func encodeNil() { _ = place.item() }
        func encode(_ value: some Encodable) throws { try value.encode(to: place.item()) }
        func nestedContainer<NestedKey: CodingKey>(
            keyedBy type: NestedKey.Type
        ) -> KeyedEncodingContainer<NestedKey> { place.item().container(keyedBy: type) }
        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
            place.item().unkeyedContainer()
        }
        func superEncoder() -> any Encoder { place.item() }
    }

    private struct SuperKey: CodingKey {
        let stringValue = "super"
        let intValue: Int? = nil
        init() {}
        init?(stringValue: String) { nil }
        init?(intValue: Int) { nil }
    }
}

/// The error when a number has no form in JSON.
struct PlainEncodingError: Error {
    let number: Double
}
