internal import Glibc
internal import JobStore

/// The words of a process on its standard error: told line by line, and the last ones kept.
///
/// Told are at most so many lines a second; of what is beyond, the number is. All is read, so that no
/// process waits for a reader.
final class HandlerWords {
    private let number: Int
    private let tell: @Sendable (Int, String) -> Void
    private var line: [UInt8] = []
    private var last: [String] = []
    private var secondMicros = 0
    private var toldInSecond = 0
    private var leftOut = 0

    /// The most bytes of a line; longer ones are cut into several.
    private static let lineBytesMax = 1000
    private static let linesKeptMax = 3
    private static let linesPerSecondMax = 100
    /// The most bytes that are read in one look.
    private static let lookBytesMax = 1 << 20

    /// - Parameter number: The number of the process, from 1.
    init(_ number: Int, _ tell: @escaping @Sendable (Int, String) -> Void) {
        self.number = number
        self.tell = tell
    }

    /// The last lines, as the end of a message; empty when there are none.
    var lastAsClause: String {
        let lines = last + (line.isEmpty ? [] : [Self.text(of: line)])
        return lines.isEmpty ? "" : "; its last words: " + lines.joined(separator: " / ")
    }

    /// Reads what is there.
    ///
    /// - Returns: Whether more may come.
    func read(from descriptor: Int32) -> Bool {
        var taken = 0
        return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { buffer in
            while taken < Self.lookBytesMax {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN { return true }
                guard count > 0 else { return false }
                taken += count
                for byte in buffer[..<count] { take(byte) }
            }
            return true
        }
    }

    private func take(_ byte: UInt8) {
        if byte != UInt8(ascii: "\n") { line.append(byte) }
        if byte == UInt8(ascii: "\n") || line.count == Self.lineBytesMax { finishLine() }
    }

    /// Tells what is left: the process has ended.
    func finish() {
        if !line.isEmpty { finishLine() }
        tellLeftOut()
    }

    private func finishLine() {
        defer { line.removeAll(keepingCapacity: true) }
        let text = Self.text(of: line)
        if !text.isEmpty {
            if last.count == Self.linesKeptMax { last.removeFirst() }
            last.append(text)
        }
        let now = SystemClock.monotonicMicros()
        if now - secondMicros >= 1_000_000 {
            tellLeftOut()
            (secondMicros, toldInSecond) = (now, 0)
        }
        guard toldInSecond < Self.linesPerSecondMax else {
            leftOut += 1
            return
        }
        toldInSecond += 1
        tell(number, text)
    }

    private func tellLeftOut() {
        if leftOut > 0 { tell(number, "(\(leftOut) more lines)") }
        leftOut = 0
    }

    /// A line as text of one line.
    static func text(of bytes: some Collection<UInt8>) -> String {
        let shown = bytes.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
        return String(decoding: shown, as: UTF8.self).trimmed
    }
}

extension String {
    /// The text without the spaces at its end.
    fileprivate var trimmed: String {
        var rest = self[...]
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }
}
