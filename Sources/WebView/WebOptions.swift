/// The place where the page is served, and who may see it.
public struct WebOptions: Sendable {
    /// A numeric address of this machine.
    public var address: String
    /// 0 for any free port.
    public var port: Int
    /// The names, beside those of loopback, by which people reach the page.
    public var hostNames: [String]
    public var token: WebToken
    /// The version of the program, which the page and the metrics tell.
    public var version: String
    /// Whether figures of memory and CPU are those of this process.
    public var isOwnProcess: Bool

    public init(
        address: String, port: Int, hostNames: [String], token: WebToken, version: String,
        isOwnProcess: Bool
    ) {
        self.address = address
        self.port = port
        self.hostNames = hostNames
        self.token = token
        self.version = version
        self.isOwnProcess = isOwnProcess
    }

    /// Whether an address is reached from this machine alone.
    public static func isLoopback(_ address: String) -> Bool {
        address == "::1" || address.hasPrefix("127.")
    }
}

/// A server that could not be started.
public struct WebError: Error {
    public struct Code: Sendable, Equatable {
        private enum Kind { case inUse, denied, badAddress, other }
        private let kind: Kind
        /// Another program listens at the port.
        public static let inUse = Code(kind: .inUse)
        /// The user may not listen at the port.
        public static let denied = Code(kind: .denied)
        /// This machine has no such address.
        public static let badAddress = Code(kind: .badAddress)
        public static let other = Code(kind: .other)
    }

    public let code: Code
    /// The address and the port.
    public let place: String
    /// The words of the system.
    public let reason: String
}
