internal import CCurl
internal import Glibc
internal import JobStore

/// The addresses that lists are fetched from (`AddressGuard`).
extension BodyStream {
    func registerGuard(with easy: UnsafeMutableRawPointer) {
        guard !settings.addressGuard.isOff else { return }
        // Unretained: the handle is cleaned up before the stream goes.
        _ = easy_set_open(
            easy,
            { stream, _, address in
                guard let stream, let address else { return -1 }
                return Unmanaged<BodyStream>.fromOpaque(stream).takeUnretainedValue()
                    .openSocket(for: address)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// - Returns: A descriptor, or -1.
    private func openSocket(for address: UnsafePointer<curl_sockaddr>) -> Int32 {
        if !handle.hasProxy {
            guard let target = IPAddress(of: address), let host = url.endpoint()?.host.name,
                settings.addressGuard.allows(target, for: host, ledFromPublic: ledFromPublic)
            else {
                if addressCheck == .none { addressCheck = .refused }
                return -1
            }
            addressCheck = target.isInward ? .inward : .outward
            if !target.isInward { settings.addressGuard.noteSent(to: host) }
        }
        let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        return socket(address.pointee.family, type, address.pointee.protocol)
    }

    /// Notes where the response that leads on has come from.
    func noteOrigin() {
        guard !ledFromPublic, let host = url.endpoint()?.host.name else { return }
        if handle.hasProxy {
            ledFromPublic = !AddressGuard.isInward(host: host)
        } else {
            let address = IPAddress(String(decoding: handle.remoteIP, as: UTF8.self))
            ledFromPublic = address?.isInward != true
        }
    }

    var forbidden: Failure {
        Failure(
            problem:
                "leads from a public address to this machine or a private network\(destination)",
            isWorthRetrying: false, isForbidden: true,
            unfollowed: redirectStatus > 0 ? redirectStatus : nil)
    }
}
