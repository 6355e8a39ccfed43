internal import CCurl
internal import JobStore

/// The response to a `BodyStream`, as libcurl hands it on.
final class IncomingBody {
    private(set) var head: ResponseHead
    /// The reason why libcurl must not keep the head; `nil` when it may.
    private(set) var refusal: ResponseHead.Refusal?
    /// The number of bytes that came, head included.
    private(set) var count = 0
    /// Bytes of the body. Those before `begin` were taken.
    private var bytes: [UInt8] = []
    private var begin = 0

    init(headBytesMax: Int) { head = ResponseHead(bytesMax: headBytesMax) }

    /// Forgets the response before.
    func reset() {
        head = ResponseHead(bytesMax: head.bytesMax)
        bytes.removeAll(keepingCapacity: true)
        begin = 0
    }

    var isEmpty: Bool { begin == bytes.count }

    /// Moves bytes of the body to `buffer`, as many as there are and fit.
    func take(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - begin)
        bytes.withUnsafeBytes {
            buffer.copyMemory(from: .init(rebasing: $0[begin..<begin + count]))
        }
        begin += count
        if isEmpty {
            bytes.removeAll(keepingCapacity: true)
            begin = 0
        }
        return count
    }

    /// Becomes what libcurl calls for a handle, which is cleaned up before this goes.
    func register(with easy: UnsafeMutableRawPointer) {
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = easy_set_write(
            easy,
            { bytes, size, count, me in
                let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return IncomingBody.of(me).take(bytes) ? bytes.count : 0
            }, me)
        _ = easy_set_header(
            easy,
            { line, size, count, me in
                let line = UnsafeRawBufferPointer(start: line, count: size * count)
                return IncomingBody.of(me).take(line: line) ? line.count : 0
            }, me)
        // Each line of a head goes to the write function first, before libcurl looks at it.
        if CurlVersion.joinsFirstField { _ = easy_set_long(easy, CURLOPT_HEADER, 1) }
    }

    private static func of(_ me: UnsafeMutableRawPointer?) -> IncomingBody {
        guard let me else { preconditionFailure("libcurl hands back what it was given") }
        return Unmanaged<IncomingBody>.fromOpaque(me).takeUnretainedValue()
    }

    private func take(_ piece: UnsafeRawBufferPointer) -> Bool {
        count += piece.count
        guard head.isWhole else { return check(piece) }
        // The body of any other response is not read.
        if head.status == 200 { bytes.append(contentsOf: piece) }
        return true
    }

    private func check(_ piece: UnsafeRawBufferPointer) -> Bool {
        do throws(ResponseHead.Refusal) {
            try head.check(piece)
            return true
        } catch {
            refusal = error
            return false
        }
    }

    private func take(line: UnsafeRawBufferPointer) -> Bool {
        count += line.count
        // Where lines do not come to the write function, and of trailers, this is the first look.
        if !CurlVersion.joinsFirstField || head.isWhole, !check(line) { return false }
        do throws(ResponseHead.Refusal) {
            _ = try head.take(line)
            return true
        } catch {
            refusal = error
            return false
        }
    }
}
