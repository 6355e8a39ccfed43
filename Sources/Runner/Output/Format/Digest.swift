internal import CCrypto

/// A message digest, fed piece by piece; one object serves many messages.
final class Digest {
    enum Kind { case sha1, sha256 }

    private let context: OpaquePointer

    init(_ kind: Kind) {
        let algorithm = kind == .sha1 ? EVP_sha1() : EVP_sha256()
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, algorithm, nil) == 1 else {
            preconditionFailure("OpenSSL refuses the digest \(kind)")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Begins the next message.
    func reset() {
        // > If type is NULL then the default implementation of the digest set before is used.
        // <https://docs.openssl.org/3.0/man3/EVP_DigestInit/>
        let result = EVP_DigestInit_ex(context, nil, nil)
        precondition(result == 1, "OpenSSL began this digest before")
    }

    func update(_ bytes: UnsafeRawBufferPointer) {
        let result = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "a digest that was begun takes any bytes")
    }

    /// The digest of the bytes that came since `init` or the last `reset`. The next call must be
    /// `reset`.
    func finish() -> [UInt8] {
        var length: UInt32 = 0
        let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { bytes, count in
            let result = EVP_DigestFinal_ex(context, bytes.baseAddress, &length)
            precondition(result == 1, "a digest that was begun ends")
            count = Int(length)
        }
        return digest
    }
}

/// Base 32, the form in which WARC writes digests.
///
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc4648#section-6>
enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// Writes each five bytes as eight characters.
    ///
    /// - Precondition: The number of bytes is a multiple of five, as SHA-1's 20 is: padding is
    ///   never needed.
    static func text(_ bytes: [UInt8]) -> String {
        precondition(bytes.count % 5 == 0, "what is written in base 32 needs no padding")
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / 5 * 8)
        var (bits, count) = (0, 0)
        for byte in bytes {
            bits = (bits & 0x1F) << 8 | Int(byte)
            count += 8
            while count >= 5 {
                count -= 5
                text.append(alphabet[bits >> count & 0x1F])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
