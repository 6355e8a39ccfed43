import ArgumentParser
import Glibc
import WebView

/// The place of the web page, as people give it: a port, or an address with one.
struct WebPlace: ExpressibleByArgument, Equatable {
    let address: String
    let port: Int

    static let loopback = "127.0.0.1"

    init(address: String, port: Int) {
        self.address = address
        self.port = port
    }

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard let last = parts.last, last.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let port = Int(last), 0...65_535 ~= port
        else { return nil }
        var address = parts.dropLast().joined(separator: ":")
        if address.hasPrefix("[") && address.hasSuffix("]") {
            address = String(address.dropFirst().dropLast())
        } else if parts.count > 2 {
            return nil
        }
        if address.isEmpty || address == "localhost" { address = Self.loopback }
        self.init(address: address, port: port)
    }
}

/// The options of who may see the web page.
struct WebFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve a web page and /metrics; 0 for any free port. By loopback, unless an address is given.",
            valueName: "[addr:]port"))
    var http: WebPlace?

    @Option(
        name: .customLong("http-token-file"),
        help: ArgumentHelp(
            "The token that lets people in, instead of a new one each time.", valueName: "file"))
    var tokenFile: String?

    @Option(
        name: .customLong("http-host"),
        help: ArgumentHelp(
            "A name by which people reach the page, beside localhost; may be given several times.",
            valueName: "name"))
    var hosts: [String] = []

    func validate() throws {
        guard let http else {
            if tokenFile != nil || !hosts.isEmpty {
                throw ValidationError(
                    "--http-token-file and --http-host are for the web page; give --http, too")
            }
            return
        }
        try validate(http)
    }

    func validate(_ place: WebPlace) throws {
        for name in hosts where !Self.isName(name) {
            throw ValidationError(
                "--http-host is '\(Terminal.escaped(name))'; give a name without scheme and port, for example runner.example.com"
            )
        }
        guard !WebOptions.isLoopback(place.address) else { return }
        guard tokenFile != nil, !hosts.isEmpty else {
            throw ValidationError(
                "--http \(place.address):\(place.port) can be reached from other machines: give --http-token-file and --http-host, too, or leave the address out"
            )
        }
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0))
                    || "-.[]:_".unicodeScalars.contains($0)
            }
            && (!name.contains(":") || name.hasPrefix("["))
    }

    /// Returns how to serve the page.
    ///
    /// - Throws: `ValidationError` when the token cannot be read.
    func options(at place: WebPlace, isOwnProcess: Bool) throws -> WebOptions {
        WebOptions(
            address: place.address, port: place.port, hostNames: hosts, token: try token(),
            version: RunnerCommand.version, isOwnProcess: isOwnProcess)
    }

    private func token() throws -> WebToken {
        guard let tokenFile else { return WebToken() }
        let shown = Terminal.escaped(tokenFile)
        let descriptor = open(tokenFile, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ValidationError(
                "--http-token-file \(shown) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = max(0, read(descriptor, &buffer, buffer.count))
        var text = buffer[..<count]
        while let last = text.last, [10, 13, 32].contains(last) { text.removeLast() }
        guard let token = WebToken(String(decoding: text, as: UTF8.self)) else {
            throw ValidationError(
                "--http-token-file \(shown) holds no token: \(WebToken.lengthMin) to 256 letters, digits or -._~ are one; make one with: openssl rand -hex 16 > FILE"
            )
        }
        return token
    }
}

extension WebError {
    /// The error and its cure in one line.
    var sentence: String {
        switch code {
        case .inUse:
            "another program listens at \(place); give another port, or 0 for any, with --http"
        case .denied: "this user may not listen at \(place); give a port from 1024 on with --http"
        case .badAddress: "\(place) is no address of this machine; give another with --http"
        default: "cannot listen at \(place): \(reason); give another with --http"
        }
    }
}
