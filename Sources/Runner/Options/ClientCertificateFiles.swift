/// The files of a certificate that this machine shows to servers which ask for one.
public struct ClientCertificateFiles: Sendable, Equatable {
    /// A PEM file with the certificate, and perhaps others that vouch for it, and perhaps its key.
    public var certificate: String
    /// A PEM file with the private key; `nil` when the key is in `certificate`.
    public var key: String?
    /// The password of the key; empty when the key has none.
    public var password: String

    public init(certificate: String, key: String? = nil, password: String = "") {
        self.certificate = certificate
        self.key = key
        self.password = password
    }
}
