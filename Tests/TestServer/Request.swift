import NIOCore

/// What an origin needs to know of a request's head.
struct Request {
    var isHead: Bool
    var target: Target
    /// The client speaks HTTP/1.0, where a connection that stays open has to be announced.
    var isVersion10: Bool
    var keepsAlive: Bool
    /// The length of the body that follows the head, to be read and dropped.
    var bodyBytes = 0
    /// The client waits for a word before it sends its body.
    var expectsContinue = false
    var acceptsGzip = false
    var ifNoneMatch: [UInt8]?
    var ifModifiedSince: [UInt8]?

    var route: Route { target.route }
    var id: Int? { target.id }

    /// Stands for a request that could not be understood; it is answered without keep-alive.
    static let malformed = Request(
        isHead: false, target: Target(route: .malformed, id: nil), isVersion10: false,
        keepsAlive: false)
}
