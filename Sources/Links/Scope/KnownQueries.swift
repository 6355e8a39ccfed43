internal import JobStore

/// The different queries of paths, counted in bounded memory: once as many URLs are known as may be,
/// they become the old ones, and the old ones before them are forgotten.
struct KnownQueries {
    private struct Generation {
        var urls: Set<UInt64> = []
        var counts: [UInt64: Int] = [:]
    }

    private let queriesMax: Int
    private let knownMax: Int
    private var young = Generation()
    private var old = Generation()

    init(queriesMax: Int, knownMax: Int) {
        self.queriesMax = queriesMax
        self.knownMax = max(knownMax, 1)
    }

    /// Counts the query of a URL, unless it is known.
    ///
    /// - Returns: Whether the URL is known, or its path has room for one more.
    mutating func take(_ url: URLParts) -> Bool {
        guard url.query != nil else { return true }
        let hash = LinkHash.of(url.bytes).high
        if young.urls.contains(hash) || old.urls.contains(hash) { return true }
        let path = LinkHash.of(Array(url.site + url.path)).high
        let count = young.counts[path] ?? old.counts[path] ?? 0
        // Also where there is no room: a trap that is asked of is not forgotten.
        young.counts[path] = min(count + 1, queriesMax)
        if count < queriesMax { young.urls.insert(hash) }
        if max(young.urls.count, young.counts.count) >= knownMax {
            old = young
            young = Generation()
        }
        return count < queriesMax
    }
}
