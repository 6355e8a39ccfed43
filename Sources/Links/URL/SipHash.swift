package import JobStore

/// SipHash-2-4 with 128 bits of output: a hash that nobody can foretell without its key.
///
/// - SeeAlso: <https://cr.yp.to/siphash/siphash-20120918.pdf>, and for 128 bits the authors' code,
///   <https://github.com/veorq/SipHash>
package enum SipHash {
    package static func hash(
        _ bytes: UnsafeRawBufferPointer, _ key: RequestHash.Key
    ) -> RequestHash {
        var state = State(key)
        let wordsEnd = bytes.count & ~7
        var offset = 0
        while offset < wordsEnd {
            state.take(
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        // > m's last word ends with a byte encoding the positive integer b mod 256.
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        while offset < bytes.count {
            last |= UInt64(bytes[offset]) << UInt64(8 * (offset - wordsEnd))
            offset += 1
        }
        state.take(last)
        return state.finish()
    }

    private struct State {
        private var (a, b, c, d): (UInt64, UInt64, UInt64, UInt64)

        init(_ key: RequestHash.Key) {
            a = key.first ^ 0x736F_6D65_7073_6575
            // With 128 bits of output.
            b = key.second ^ 0x646F_7261_6E64_6F6D ^ 0xEE
            c = key.first ^ 0x6C79_6765_6E65_7261
            d = key.second ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        private mutating func round() {
            a &+= b
            b = (b << 13 | b >> 51) ^ a
            a = a << 32 | a >> 32
            c &+= d
            d = (d << 16 | d >> 48) ^ c
            a &+= d
            d = (d << 21 | d >> 43) ^ a
            c &+= b
            b = (b << 17 | b >> 47) ^ c
            c = c << 32 | c >> 32
        }

        @inline(__always)
        mutating func take(_ word: UInt64) {
            d ^= word
            round()
            round()
            a ^= word
        }

        mutating func finish() -> RequestHash {
            c ^= 0xEE
            for _ in 0..<4 { round() }
            let first = a ^ b ^ c ^ d
            b ^= 0xDD
            for _ in 0..<4 { round() }
            let second = a ^ b ^ c ^ d
            // The output is bytes, each half of which begins with its lowest.
            return RequestHash(high: first.byteSwapped, low: second.byteSwapped)
        }
    }
}
