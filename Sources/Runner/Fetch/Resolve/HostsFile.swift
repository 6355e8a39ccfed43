internal import Glibc
internal import JobStore
internal import Synchronization

/// The names in `/etc/hosts`, read once, and again when the file has changed.
///
/// c-ares 1.18 reads the file for each lookup, and an event loop stands still meanwhile: for 25 ms
/// if the file lists 100,000 names of advertisers to keep them away.
final class HostsFile: Sendable {
    static let system = HostsFile(path: "/etc/hosts")

    private struct State {
        var stamp = FileStamp()
        var nextLookMicros = 0
        var names: [String: String] = [:]
    }

    private let path: String
    private let state = Locked(State())

    /// The interval in µs at which the file is looked at.
    private static let lookMicros = 1_000_000
    /// The most bytes that are read of the file.
    private static let bytesMax = 64 << 20

    init(path: String) { self.path = path }

    /// The addresses that the file gives a name.
    ///
    /// - Parameter name: The name in lower case.
    /// - Returns: The addresses in the form of `NameAnswer.addresses`; `nil` when the file does not
    ///   know the name.
    func addresses(of name: String, atMicros now: Int) -> String? {
        state.withLock { state in
            if now >= state.nextLookMicros {
                state.nextLookMicros = now + Self.lookMicros
                let found = FileStamp(of: path)
                if found != state.stamp {
                    state.stamp = found
                    state.names = Self.names(in: contents())
                }
            }
            return state.names[name]
        }
    }

    private func contents() -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < Self.bytesMax {
            let count = read(descriptor, &part, part.count)
            if count <= 0 { break }
            bytes.append(contentsOf: part[..<count])
        }
        return bytes
    }

    /// Reads the file's lines: an address, its names, and perhaps a comment after `#`.
    ///
    /// - Returns: The addresses of each name in the order of their lines, by the name in lower
    ///   case.
    static func names(in bytes: [UInt8]) -> [String: String] {
        var names: [String: String] = [:]
        var counts: [String: Int] = [:]
        var last: (text: ArraySlice<UInt8>, address: String?) = ([], nil)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let line = line.prefix { $0 != UInt8(ascii: "#") }
            let words = line.split { $0 == 0x20 || (0x09...0x0D).contains($0) }
            guard words.count > 1 else { continue }
            // Mostly one address for all of a long list.
            if words[0] != last.text { last = (words[0], address(words[0])) }
            guard let address = last.address else { continue }
            for word in words.dropFirst() {
                let name = String(decoding: word, as: UTF8.self).lowercased()
                guard let known = names[name] else {
                    names[name] = address
                    continue
                }
                guard counts[name, default: 1] < NameAnswer.addressesMax else { continue }
                counts[name, default: 1] += 1
                names[name] = known + "," + address
            }
        }
        return names
    }

    private static func address(_ word: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: word, as: UTF8.self)
        guard !text.hasPrefix("["), let address = IPAddress(text) else { return nil }
        return address.isIPv6 ? "[\(text)]" : text
    }
}
