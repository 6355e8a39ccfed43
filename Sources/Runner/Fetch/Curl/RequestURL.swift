internal import CCurl
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

    /// - Returns: Whether libcurl takes it for a URL.
    mutating func set(to job: Job, _ settings: TransferSettings) -> Bool {
        settings.growURLText(to: job.batch.url.capacity)  // no part is longer
        guard job.batch.id == batch, let target = job.batch.target else {
            let isSet = set(CURLUPART_URL, job.batch.url, job.id, settings)
            batch = isSet ? job.batch.id : nil
            return isSet
        }
        if let path = target.path, !set(CURLUPART_PATH, path, job.id, settings) { return false }
        if let query = target.query, !set(CURLUPART_QUERY, query, job.id, settings) { return false }
        return true
    }

    private func set(
        _ part: CURLUPart, _ text: IDText, _ id: Int, _ settings: TransferSettings
    ) -> Bool {
        text.write(id, to: settings.urlText)
        return curl_url_set(handle, part, settings.urlText.baseAddress, 0) == CURLUE_OK
    }
}
