internal import CCurl
internal import Glibc
internal import JobStore

/// A transfer's URL as libcurl's own parsed form (`CURLOPT_CURLU`), changed from job to job.
///
/// Given a URL as text, libcurl 7.88 parses it and prints it again, byte by byte, for each request:
/// a fifth of all a request costs. Here scheme and host are parsed once a batch, and a job sets
/// only what differs.
struct RequestURL: ~Copyable {
    /// For `CURLOPT_CURLU`; libcurl reads it until the transfer ends.
    let handle: OpaquePointer
    private var batch: Batch.ID?

    init() {
        guard let handle = curl_url() else {
            fatalError("libcurl gave no URL handle: out of memory")
        }
        self.handle = handle
    }

    deinit { curl_url_cleanup(handle) }

    /// The zone of a link-local IPv6 host (`[fe80::1%25eth0]`), as a number; 0 when there is none.
    /// For `CURLOPT_ADDRESS_SCOPE`: libcurl before 8.3 drops it from a parsed URL.
    private(set) var scope: UInt32 = 0

    /// - Returns: `CURLUE_OK`, or why libcurl does not take it for a URL.
    mutating func set(to job: Job, _ settings: TransferSettings) -> CURLUcode {
        settings.growURLText(to: job.batch.url.capacity)  // no part is longer
        guard job.batch.id == batch, let target = job.batch.target else {
            let result = set(CURLUPART_URL, job.batch.url, job.id, settings)
            batch = result == CURLUE_OK ? job.batch.id : nil
            scope = zone()
            return result
        }
        var result = CURLUE_OK
        if let path = target.path { result = set(CURLUPART_PATH, path, job.id, settings) }
        if result == CURLUE_OK, let query = target.query {
            result = set(CURLUPART_QUERY, query, job.id, settings)
        }
        return result
    }

    private func set(
        _ part: CURLUPart, _ text: IDText, _ id: Int, _ settings: TransferSettings
    ) -> CURLUcode {
        text.write(id, to: settings.urlText)
        return curl_url_set(handle, part, settings.urlText.baseAddress, 0)
    }

    /// The URL as libcurl asks for it: dots resolved, what is no part of a URL encoded.
    func withText(_ use: (UnsafeRawBufferPointer) -> Void) {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, CURLUPART_URL, &text, 0) == CURLUE_OK, let text else { return }
        defer { curl_free(text) }
        use(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    private func zone() -> UInt32 {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, CURLUPART_ZONEID, &text, 0) == CURLUE_OK, let text else {
            return 0
        }
        defer { curl_free(text) }
        let index = if_nametoindex(text)
        return index > 0 ? index : UInt32(String(cString: text)) ?? 0
    }
}
