internal import Glibc

/// An `errno`, with what it says.
struct SystemError: Error, CustomStringConvertible {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    var description: String {
        number == ESTALE
            ? "it was removed or replaced; it must stay while the queue is in use, run again"
            : String(cString: strerror(number))
    }
}
