internal import JobStore

/// All of a request but its URL: method, header fields and body. Requests that are alike share one
/// object, so that whoever made the last one can tell by identity that nothing differs.
final class RequestContent: @unchecked Sendable {
    // @unchecked holds because nothing changes after `init`, the bytes of `body` included.

    /// A header field. The transport adds Host and what says how a message is carried.
    struct Field: Equatable, Sendable {
        let name: String
        /// The value; `nil` where the field is not sent though the transport would add it.
        let value: [UInt8]?
        /// Whether the value is kept out of all that is written down.
        let isSecret: Bool

        init(_ name: String, _ value: [UInt8]?, isSecret: Bool = false) {
            self.name = name
            self.value = value
            self.isSecret = isSecret || HeaderTemplate.isSecret(name)
        }

        /// Whether the field is for the origin alone that it was given for.
        var isOfOneOrigin: Bool { isSecret || HeaderTemplate.isSame(name, "Host") }
    }

    let method: HTTPMethod
    /// The fields in the order they are sent.
    let fields: [Field]
    /// The body, at an address that stays; `nil` for a request without one.
    let body: UnsafeRawBufferPointer?
    /// Whether a request may be sent twice (`HTTPMethod.isIdempotent`).
    let isIdempotent: Bool
    /// The bytes of names and values.
    let headerBytes: Int
    /// Whether the server is asked for what has changed since the job's validators. A user's own
    /// fields that ask so do not count.
    let isConditional: Bool

    init(method: HTTPMethod, fields: [Field], body: [UInt8]?, isConditional: Bool = false) {
        self.isConditional = isConditional
        self.method = method
        self.fields = fields
        self.body = body.map { body in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 1)
            copy.copyBytes(from: body)
            return UnsafeRawBufferPointer(copy)
        }
        isIdempotent = method.isIdempotent
        headerBytes = fields.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 4 }
    }

    deinit { body?.deallocate() }

    /// Returns the first value of a field; `nil` when the field is not sent.
    func value(of name: String) -> [UInt8]? {
        fields.first { HeaderTemplate.isSame($0.name, name) }?.value
    }

    /// The content of the request that a redirect leads to.
    ///
    /// > If the response status code is 301 or 302 and the request method is POST, or 303 and it is
    /// > neither GET nor HEAD, then set method to GET and body to null, and remove the headers that
    /// > describe a body. If the location is of another origin, remove Authorization.
    /// <https://fetch.spec.whatwg.org/#http-redirect-fetch>, steps 11 and 12
    ///
    /// Cookies, values by reference and a Host are for the first origin, too, as in curl. Validators
    /// are for the first URL.
    func redirected(by status: Int, isOtherOrigin: Bool) -> RequestContent {
        let becomesGET =
            status == 303 && method != .get && method != .head
            || (status == 301 || status == 302) && method == .post
        guard
            becomesGET || isConditional
                || isOtherOrigin && fields.contains(where: \.isOfOneOrigin)
        else { return self }
        return RequestContent(
            method: becomesGET ? .get : method,
            fields: fields.filter { field in
                !(isOtherOrigin && field.isOfOneOrigin)
                    && !(becomesGET && Self.describesBody(field.name))
                    && !(isConditional && Self.isCondition(field.name))
            },
            body: becomesGET ? nil : body.map { Array($0) })
    }

    /// Whether servers answer 304 to the request where its condition is not met.
    ///
    /// > the server […] SHOULD respond with the 304 (Not Modified) status code if the request method
    /// > is GET or HEAD or, for all other methods, MUST respond with 412 (Precondition Failed).
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2>
    var takesConditions: Bool { method == .get || method == .head }

    /// Returns the content that asks for what has changed since validators were told; itself where
    /// the method does not go with that, or the user's own fields ask so.
    func asking(since validators: Validators) -> RequestContent {
        guard takesConditions, !fields.contains(where: { Self.isCondition($0.name) }) else {
            return self
        }
        var fields = fields
        if let tag = validators.entityTag { fields.append(Field(Self.conditions[0], tag)) }
        if let seconds = validators.lastModifiedSeconds {
            fields.append(Field(Self.conditions[1], HTTPDate.text(seconds: seconds)))
        }
        return RequestContent(
            method: method, fields: fields, body: body.map { Array($0) }, isConditional: true)
    }

    private static let conditions = ["If-None-Match", "If-Modified-Since"]

    private static func isCondition(_ name: String) -> Bool {
        conditions.contains { HeaderTemplate.isSame($0, name) }
    }

    private static func describesBody(_ name: String) -> Bool {
        ["Content-Encoding", "Content-Language", "Content-Location", "Content-Type"].contains {
            HeaderTemplate.isSame($0, name)
        }
    }
}
