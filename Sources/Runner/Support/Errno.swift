internal import Glibc

/// An error number of the system, with the system's text for it.
struct Errno: Error, Equatable, CustomStringConvertible {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    var description: String { String(cString: strerror(number)) }
}
