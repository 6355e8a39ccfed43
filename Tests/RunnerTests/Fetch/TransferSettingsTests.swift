import Testing

@testable import Runner

@Suite struct TransferSettingsTests {
    @Test(arguments: [
        (0, 1024), (1024, 1024), (1025, 2048), (4096, 4096), (65_536, 65_536), (65_537, 102_400),
        (16 << 20, 102_400), (.max, 102_400),
    ])
    func bufferBytes_areTheNextPowerOfTwo_withinBounds(response: Int, bytes: Int) {
        #expect(TransferSettings.bufferBytes(for: response, isHTTPS: false) == bytes)
    }

    @Test(arguments: [(0, 2048), (2049, 4096), (16_385, 16_384), (.max, 16_384)])
    func bufferBytes_areATLSRecordAtMost_withHTTPS(response: Int, bytes: Int) {
        #expect(TransferSettings.bufferBytes(for: response, isHTTPS: true) == bytes)
    }

    /// libcurl 7.88 sends no more than two of them by HTTPS.
    @Test(arguments: [
        (0, 0, 16_384), (20_000, 0, 16_384), (50_000, 0, 31_144), (0, 50_000, 31_144),
        (1 << 30, 0, 2 << 20),
    ])
    func sendBufferBytes_areHalfOfALargeRequest(url: Int, headers: Int, bytes: Int) {
        #expect(TransferSettings.sendBufferBytes(urlBytes: url, headerBytes: headers) == bytes)
    }

    @Test func urlText_growsAndNeverShrinks() {
        let settings = TransferSettings(FetchOptions())
        settings.growURLText(to: 5000)
        settings.growURLText(to: 10)
        #expect(settings.urlText.count == 5000)
    }
}
