import Foundation
import Testing

@testable import runner_cli

@Suite struct PlainEncoderTests {
    private struct Sample: Codable, Equatable {
        struct Part: Codable, Equatable {
            var p50Micros = 3
            var words = ""
        }
        enum Phase: String, Codable { case asleep }
        var isOn = true
        var inFlightMax: Int? = 5
        var nothing: Int?
        var rateNow = 0.1
        var phase = Phase.asleep
        var counts = [1, -2, Int.max]
        var parts = [Part(), Part(p50Micros: 4, words: "a\"b\\c\n\u{1}é 漢🙂")]
        var none: [Part] = []
        var part = Part()
    }

    @Test func aValue_isReadAsItWas() throws {
        let text = try PlainEncoder.text(Sample())
        let read: Sample = try JSON.value(in: text)
        #expect(read == Sample())
        #expect(!text.contains("\n"))
        #expect(text.hasPrefix("{\"is_on\":true,\"in_flight_max\":5,\"rate_now\":0.1,"), "\(text)")
    }

    @Test func foundation_readsTheSame() throws {
        let text = try PlainEncoder.text([Sample(), Sample()])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        #expect(try decoder.decode([Sample].self, from: Data(text.utf8)) == [Sample(), Sample()])
        #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [Any])
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func aNumberThatJSONLacks_isRefused(_ number: Double) {
        #expect(throws: PlainEncodingError.self) { try PlainEncoder.text([number]) }
    }

    @Test(arguments: [0, -1.5, 1e300, 2.5e-308, 1e15, 123_456_789.125])
    func numbers_areReadAsTheyWere(_ number: Double) throws {
        let read: [Double] = try JSON.value(in: try PlainEncoder.text([number]))
        #expect(read == [number])
    }
}
