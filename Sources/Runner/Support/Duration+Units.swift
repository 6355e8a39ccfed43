extension Duration {
    /// The duration in µs, rounded up; at most half of what an `Int` holds.
    var microseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64.max / 2_000_000 else { return Int.max / 2 }
        let unit: Int64 = 1_000_000_000_000
        return Int(seconds) * 1_000_000 + Int((attoseconds + unit - 1) / unit)
    }
}
