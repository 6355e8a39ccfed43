internal import JobStore

/// A header field with its references resolved and its placeholders still in it.
struct FieldTemplate: Sendable {
    let name: String
    /// The value; `nil` where the field is not sent.
    let value: TextTemplate?
    let isCredentials: Bool
    let isSecret: Bool

    /// - Parameter expand: Resolves the references in a piece of the value between placeholders, so
    ///   that nothing in a variable is taken for a placeholder.
    init<Failure>(
        _ field: HeaderTemplate, isSecret: Bool,
        expanding expand: ([UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) {
        name = field.name
        self.isSecret = isSecret
        switch field.value {
        case .text(let text):
            value = try Self.template(text).mapTexts(expand)
            isCredentials = false
        case .credentials(let text):
            value = try Self.template(text).mapTexts(expand)
            isCredentials = true
        case .none:
            value = nil
            isCredentials = false
        }
    }

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = TextTemplate(value.utf8, names: [])
        isCredentials = false
        isSecret = false
    }

    private static func template(_ text: String) -> TextTemplate {
        TextTemplate(text.utf8, names: [TextTemplate.Placeholder.idName])
    }

    /// Returns the field for a job with an ID.
    func field(for id: Int) -> RequestContent.Field {
        guard let value else { return RequestContent.Field(name, nil, isSecret: isSecret) }
        let text = value.text(for: id)
        guard isCredentials else { return RequestContent.Field(name, text, isSecret: isSecret) }
        // > the user-id and password […] encoded using Base64 <https://www.rfc-editor.org/rfc/rfc7617>
        var credentials = Array("Basic ".utf8)
        text.withUnsafeBytes { credentials.append(base64: $0) }
        return RequestContent.Field(name, credentials, isSecret: true)
    }
}

/// The contents of the requests of a batch.
struct ContentTemplate: Sendable {
    let method: HTTPMethod
    private let fields: [FieldTemplate]
    private let body: TextTemplate?
    /// The content that all jobs share; `nil` where a placeholder makes them differ.
    let shared: RequestContent?

    init(method: HTTPMethod, fields: [FieldTemplate], body: TextTemplate?) {
        self.method = method
        self.fields = fields
        self.body = body
        let texts = fields.compactMap(\.value) + (body.map { [$0] } ?? [])
        let isShared = texts.allSatisfy(\.placeholders.isEmpty)
        shared = isShared ? Self.content(method, fields, body, for: 0) : nil
    }

    /// Returns the content of the request of the job with an ID.
    func content(for id: Int) -> RequestContent {
        shared ?? Self.content(method, fields, body, for: id)
    }

    private static func content(
        _ method: HTTPMethod, _ fields: [FieldTemplate], _ body: TextTemplate?, for id: Int
    ) -> RequestContent {
        RequestContent(
            method: method, fields: fields.map { $0.field(for: id) }, body: body?.text(for: id))
    }
}

/// The part of requests that comes from the run: fields that each request has, and the values that
/// fields of batches refer to.
struct RequestDefaults: Sendable {
    private let references: RequestReferences
    /// The fields that a request has unless its batch or the run names them.
    private let standard: [FieldTemplate]
    /// The fields that the run gives each request, in place of the batch's.
    private let own: [FieldTemplate]
    /// The contents of batches that ask for nothing but a URL.
    private let plain: ContentTemplate

    /// - Parameters:
    ///   - acceptEncoding: The codings to ask for; `nil` to ask for none.
    ///   - headers: The fields that the run gives each request, in place of the batch's.
    /// - Throws: When a reference in `headers` cannot be resolved.
    init(
        userAgent: String = "runner", acceptEncoding: String? = nil, headers: [HeaderSource] = [],
        references: RequestReferences = RequestReferences()
    ) throws(RequestError) {
        self.references = references
        standard =
            [FieldTemplate("User-Agent", userAgent)]
            + (acceptEncoding.map { [FieldTemplate("Accept-Encoding", $0)] } ?? [])
        own = try Self.fields(of: headers, references)
        plain = ContentTemplate(
            method: .get, fields: Self.merged(standard, [], own), body: nil)
    }

    /// Returns the contents of a batch's requests.
    ///
    /// - Throws: When a variable or a file that the headers refer to is missing.
    func contents(of template: RequestTemplate) throws(RequestError) -> ContentTemplate {
        guard template.method != .get || !template.headers.isEmpty || template.body != nil else {
            return plain
        }
        let fields = try Self.fields(of: template.headers, references)
        return ContentTemplate(
            method: template.method, fields: Self.merged(standard, fields, own),
            body: template.body.map {
                TextTemplate($0.bytes, names: [TextTemplate.Placeholder.idName])
            })
    }

    private static func fields(
        of sources: [HeaderSource], _ references: RequestReferences
    ) throws(RequestError) -> [FieldTemplate] {
        var fields: [FieldTemplate] = []
        for source in sources { fields += try references.fields(of: source) }
        return fields
    }

    /// Later fields take the place of earlier ones of the same name.
    private static func merged(
        _ standard: [FieldTemplate], _ batch: [FieldTemplate], _ run: [FieldTemplate]
    ) -> [FieldTemplate] {
        func without(_ fields: [FieldTemplate], _ others: [FieldTemplate]) -> [FieldTemplate] {
            fields.filter { field in
                !others.contains { HeaderTemplate.isSame($0.name, field.name) }
            }
        }
        return without(standard, batch + run) + without(batch, run) + run
    }
}
