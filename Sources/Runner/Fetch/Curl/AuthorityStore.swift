internal import CCrypto
internal import CCurl
internal import Glibc
internal import JobStore
internal import Synchronization

/// The certificates to trust, read once and shared by all connections of a run.
///
/// By itself, libcurl reads all authorities anew for each connection, which takes 70 ms and 0.75 MB
/// each time. So the `SSL_CTX` of each connection gets this one store instead. The file is read
/// again when it has changed: runs last longer than certificates.
final class AuthorityStore: Sendable {
    /// The file that is read; `nil` for the places where OpenSSL looks by itself.
    private let file: String?
    private let state = Locked(State())

    private struct State: ~Copyable {
        var store: Store?
        var stamp = FileStamp()
        var nextLookMicros = 0
    }

    /// Owns an `X509_STORE`, which counts its references.
    private struct Store: ~Copyable, @unchecked Sendable {
        // @unchecked holds because OpenSSL's stores lock themselves, to be shared by threads.
        let handle: OpaquePointer
        deinit { X509_STORE_free(handle) }
    }

    private static let lookMicros = 60_000_000

    /// - Parameter file: A PEM file; `nil` for the system's certificates, as libcurl was built to
    ///   find them.
    init(file: String?) { self.file = file ?? Self.systemFile }

    /// Whether libcurl uses OpenSSL, the TLS library that this store belongs to.
    static let isUsable: Bool = {
        guard let name = curl_version_info(CURLVERSION_FIRST)?.pointee.ssl_version else {
            return false
        }
        return strncmp(name, "OpenSSL/", 8) == 0
    }()

    private static var systemFile: String? {
        guard let known = authority_file(), access(known, R_OK) == 0 else { return nil }
        return String(cString: known)
    }

    /// Gives the certificates to a connection's `SSL_CTX`.
    ///
    /// - Returns: Whether there are any certificates; false when the file cannot be read.
    func equip(_ context: UnsafeMutableRawPointer, at now: Now) -> Bool {
        state.withLock { state in
            if now.monotonicMicros >= state.nextLookMicros || state.store == nil {
                state.nextLookMicros = now.monotonicMicros + Self.lookMicros
                let stamp = file.map { FileStamp(of: $0) } ?? FileStamp()
                if state.store == nil || stamp != state.stamp, let handle = load() {
                    // What was read before stays in use when a new file cannot be read.
                    state.store = Store(handle: handle)
                    state.stamp = stamp
                }
            }
            guard let handle = state.store?.handle else { return false }
            ssl_context_trust(context, handle)
            return true
        }
    }

    /// Makes idle connections give back their buffers, 34 KB each.
    static func releaseBuffers(of context: UnsafeMutableRawPointer) {
        ssl_context_release_buffers(context)
    }

    private func load() -> OpaquePointer? {
        guard let store = X509_STORE_new() else { return nil }
        // As libcurl does: a chain may end in any certificate that is trusted, not a root alone.
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN))
        let isLoaded =
            file.map { X509_STORE_load_locations(store, $0, nil) }
            ?? X509_STORE_set_default_paths(store)
        ERR_clear_error()  // else a connection on this thread would take it for its own
        if isLoaded == 1 { return store }
        X509_STORE_free(store)
        return nil
    }
}
