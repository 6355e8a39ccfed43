internal import CCurl

/// The libcurl this process runs with, which may be another than it was built with.
enum CurlVersion {
    /// As `LIBCURL_VERSION_NUM`: 0x075801 is 7.88.1.
    static let number: UInt32 = curl_version_info(CURLVERSION_FIRST)?.pointee.version_num ?? 0

    /// Whether a header line that continues none can corrupt memory (`ResponseHead.Refusal`): from
    /// 7.83.0, which brought the headers API, to 8.1.0, which cured it.
    static let joinsFirstField = (0x075300..<0x080100).contains(number)
}
