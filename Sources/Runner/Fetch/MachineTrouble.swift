/// A fault of this machine, or of the proxy by which it reaches the network, and of no job. No part
/// of it is counted by references: each response has room for one.
enum MachineTrouble: Sendable, Equatable {
    /// The `errno` value of the fault: no descriptors or memory left, certificates that cannot be
    /// read, an interface that is gone.
    case system(Int32)
    /// A proxy cannot be reached, or does not do its work; the response's message says which one,
    /// and why.
    case proxy
    /// A proxy asks for credentials, or refuses those that it got; the response's message says
    /// which one.
    case proxyCredentials
}
