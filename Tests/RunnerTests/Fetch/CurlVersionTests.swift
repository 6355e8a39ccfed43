import CCurl
import Testing

@testable import Runner

@Suite struct CurlVersionTests {
    @Test func description_namesTheTLSLibrary() {
        let version = CurlVersion(number: 0x075801, text: "7.88.1", tlsLibrary: "OpenSSL/3.0.19")
        #expect(version.description == "libcurl 7.88.1 (OpenSSL/3.0.19)")
        let bare = CurlVersion(number: 0x075801, text: "7.88.1", tlsLibrary: nil)
        #expect(bare.description == "libcurl 7.88.1 (without TLS)")
    }

    @Test(arguments: [
        (0x075202, false), (0x075300, true), (0x075801, true), (0x080001, true), (0x080100, false),
    ])
    func knownFaults_areThoseOfTheVersion(number: UInt32, corruptsMemory: Bool) {
        let version = CurlVersion(number: number, text: "", tlsLibrary: nil)
        #expect(version.knownFaults.contains { $0.contains("first header line") } == corruptsMemory)
    }

    @Test(arguments: [(0x075801, true, true), (0x080000, false, true), (0x080a00, false, false)])
    func knownFaults_endWithTheVersionThatCuredThem(
        number: UInt32, answersWithExcess: Bool, sharesConnections: Bool
    ) {
        let faults = CurlVersion(number: number, text: "", tlsLibrary: nil).knownFaults
        #expect(faults.contains { $0.hasPrefix("what stands behind") } == answersWithExcess)
        #expect(faults.contains { $0.hasPrefix("by HTTPS") } != answersWithExcess)
        #expect(faults.contains { $0.contains("lies about") } == sharesConnections)
    }

    @Test func lacks_areTheFeaturesThatAreMissing() {
        func lacks(_ features: Int32) -> [String] {
            let version = CurlVersion(number: 0, text: "", tlsLibrary: nil, features: features)
            return version.lacks.map { String($0.prefix { $0 != ":" }) }
        }
        #expect(lacks(.max) == [])
        #expect(lacks(.max & ~CURL_VERSION_HTTP2) == ["HTTP/2"])
        #expect(
            lacks(CURL_VERSION_LIBZ | CURL_VERSION_IPV6)
                == ["TLS", "HTTP/2", "HTTPS proxies", "international host names"])
    }

    @Test func loaded_isTheOneInUse() {
        #expect(CurlVersion.loaded.number >= 0x075000)
        #expect(CurlVersion.loaded.text.hasPrefix("\(CurlVersion.loaded.number >> 16)."))
    }
}
