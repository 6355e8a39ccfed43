internal import CCrypto
internal import Glibc

/// The reason why a certificate cannot be shown to servers.
public struct CertificateFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of faults.
    public enum Code: Sendable {
        case unreadable, noCertificate, noKey, otherKey
    }

    public let code: Code
    /// The file that the fault is in.
    public let file: String
    public let description: String
}

extension ClientCertificateFiles {
    /// Reads the files, so as to find out before the first request what is wrong with them.
    public func check() throws(CertificateFault) { _ = try ClientCertificate(self) }
}

/// A certificate with its key, read once a run and shown to servers that ask for one. Otherwise
/// libcurl would read the files anew for each connection.
final class ClientCertificate: @unchecked Sendable {
    // @unchecked holds because nothing changes after `init` but OpenSSL's counts of references,
    // which are atomic.
    private let certificates: [OpaquePointer]
    private let key: OpaquePointer

    init(_ files: ClientCertificateFiles) throws(CertificateFault) {
        // Else a connection on this thread would take our errors for its own.
        defer { ERR_clear_error() }
        let certificates = try Self.certificates(in: files.certificate)
        do throws(CertificateFault) {
            key = try Self.key(in: files.key ?? files.certificate, files.password)
        } catch {
            for certificate in certificates { X509_free(certificate) }
            throw error
        }
        self.certificates = certificates
        guard X509_check_private_key(certificates[0], key) == 1 else {
            throw CertificateFault(
                code: .otherKey, file: files.key ?? files.certificate,
                description:
                    "the key in \(files.key ?? files.certificate) is not that of the certificate in \(files.certificate)"
            )
        }
    }

    deinit {
        for certificate in certificates { X509_free(certificate) }
        EVP_PKEY_free(key)
    }

    private static func certificates(in file: String) throws(CertificateFault) -> [OpaquePointer] {
        let source = try open(file)
        defer { BIO_free(source) }
        var found: [OpaquePointer] = []
        while let certificate = PEM_read_bio_X509(source, nil, nil, nil) {
            found.append(certificate)
        }
        guard !found.isEmpty else {
            throw CertificateFault(
                code: .noCertificate, file: file,
                description: "\(file) holds no certificate in the form of PEM")
        }
        return found
    }

    private static func key(
        in file: String, _ password: String
    ) throws(CertificateFault) -> OpaquePointer {
        let source = try open(file)
        defer { BIO_free(source) }
        // With a password, though empty, OpenSSL does not ask for one at the terminal.
        let key = password.withCString {
            PEM_read_bio_PrivateKey(source, nil, nil, UnsafeMutableRawPointer(mutating: $0))
        }
        guard let key else {
            throw CertificateFault(
                code: .noKey, file: file,
                description:
                    "\(file) holds no private key in the form of PEM that \(password.isEmpty ? "needs no password" : "its password opens")"
            )
        }
        return key
    }

    private static func open(_ file: String) throws(CertificateFault) -> OpaquePointer {
        // Reading a folder fails only later.
        let isFolder = access(file + "/.", F_OK) == 0
        if !isFolder, access(file, R_OK) == 0, let source = BIO_new_file(file, "r") {
            return source
        }
        let reason = String(cString: strerror(isFolder ? EISDIR : errno))
        throw CertificateFault(
            code: .unreadable, file: file, description: "\(file) cannot be read (\(reason))")
    }

    /// Gives the certificate to a connection's `SSL_CTX`.
    ///
    /// - Returns: Whether OpenSSL takes it.
    func equip(_ context: UnsafeMutableRawPointer) -> Bool {
        ssl_context_show(context, certificates[0], key) == 1
            && certificates.dropFirst().allSatisfy { ssl_context_add(context, $0) == 1 }
    }
}
