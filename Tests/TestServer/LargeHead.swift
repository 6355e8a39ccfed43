import NIOCore
import Synchronization

/// Heads that are as large as a client takes them, made once each.
enum LargeHead {
    enum Kind: String { case short, many, long, folded }

    /// Answered from memory, however many ask at a time.
    static let bytesMax = 1 << 20

    private static let made = Mutex<[String: ByteBuffer]>([:])

    /// A head of `bytes` or a few more.
    static func head(_ kind: Kind, bytes: Int) -> ByteBuffer {
        made.withLock { made in
            let key = "\(kind) \(bytes)"
            if let head = made[key] { return head }
            let head = make(kind, bytes: bytes)
            // Many sizes are asked for by nobody.
            if made.count < 64 { made[key] = head }
            return head
        }
    }

    private static func make(_ kind: Kind, bytes: Int) -> ByteBuffer {
        var head = ByteBuffer(string: "HTTP/1.1 200 OK\r\n")
        let end = "Content-Length: 3\r\n\r\n"
        var number = 0
        while head.readableBytes + end.utf8.count < bytes {
            number += 1
            let left = bytes - head.readableBytes - end.utf8.count
            switch kind {
            case .short: head.writeString("X-Field-\(number): value \(number)\r\n")
            case .many:
                let value = String(repeating: "v", count: bytes / 4_900)
                head.writeString("X-Field-\(number): \(value)\r\n")
            case .long:
                let value = String(repeating: "long value ", count: min(left, 60_000) / 11 + 1)
                head.writeString("X-Field-\(number): \(value)\r\n")
            case .folded:
                head.writeString("X-Field-\(number): first line of \(number)\r\n")
                for line in 0..<8 { head.writeString("\t and line \(line) of it\r\n") }
            }
        }
        head.writeString(end)
        return head
    }
}
