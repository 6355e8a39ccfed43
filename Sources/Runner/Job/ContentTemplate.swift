internal import JobStore

/// A header field with its references resolved and its placeholders still in it.
struct FieldTemplate: Sendable {
    let name: String
    /// The value; `nil` where the field is not sent.
    let value: TextTemplate?
    let isCredentials: Bool
    let isSecret: Bool

    /// - Parameters:
    ///   - names: The names of placeholders.
    ///   - expand: Resolves the references in a piece of the value between placeholders, so that
    ///     nothing in a variable is taken for a placeholder.
    init<Failure>(
        _ field: HeaderTemplate, isSecret: Bool, names: Set<String>,
        expanding expand: ([UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) {
        name = field.name
        self.isSecret = isSecret
        switch field.value {
        case .text(let text):
            value = try TextTemplate(text.utf8, names: names).mapTexts(expand)
            isCredentials = false
        case .credentials(let text):
            value = try TextTemplate(text.utf8, names: names).mapTexts(expand)
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

    /// Returns the field for a job.
    ///
    /// - Parameter write: Writes a text with the job's values.
    func field(_ write: (TextTemplate) -> [UInt8]) -> RequestContent.Field {
        guard let value else { return RequestContent.Field(name, nil, isSecret: isSecret) }
        let text = write(value)
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
    private let bodySyntax: BodyTemplate.Syntax
    /// The content that all jobs share; `nil` where a placeholder makes them differ.
    let shared: RequestContent?

    init(
        method: HTTPMethod, fields: [FieldTemplate], body: TextTemplate? = nil,
        _ bodySyntax: BodyTemplate.Syntax = .raw
    ) {
        self.method = method
        self.fields = fields
        self.body = body
        self.bodySyntax = bodySyntax
        let texts = fields.compactMap(\.value) + (body.map { [$0] } ?? [])
        let isShared = texts.allSatisfy(\.placeholders.isEmpty)
        func asIs(_ template: TextTemplate) -> [UInt8] { template.text(for: 0) }
        shared =
            isShared
            ? RequestContent(
                method: method, fields: fields.map { $0.field(asIs) }, body: body.map(asIs))
            : nil
    }

    /// Returns the content of the request of the job with an ID.
    func content(for id: Int) -> RequestContent {
        shared
            ?? RequestContent(
                method: method, fields: fields.map { $0.field { $0.text(for: id) } },
                body: body?.text(for: id))
    }

    /// Returns the content of the request of a list's job.
    ///
    /// - Parameter line: The fields of the job's line.
    func content(
        of source: JobList, _ line: [ArraySlice<UInt8>?], at position: Int
    ) -> RequestContent {
        func text(_ template: TextTemplate, _ escaping: JobList.Escaping) -> [UInt8] {
            source.text(of: template, line, at: position, escaping: escaping)
        }
        return RequestContent(
            method: method, fields: fields.map { $0.field { text($0, .none) } },
            body: body.map { text($0, bodySyntax.escaping) })
    }
}

extension BodyTemplate.Syntax {
    /// The way a value is written into a body.
    var escaping: JobList.Escaping {
        switch self {
        case .raw: .none
        case .form: .url
        case .json: .json
        }
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
        own = try Self.fields(of: headers, references, names: [TextTemplate.Placeholder.idName])
        plain = ContentTemplate(
            method: .get, fields: Self.merged(standard, [], own))
    }

    /// Returns the contents of a batch's requests.
    ///
    /// - Throws: When a variable or a file that the headers refer to is missing.
    func contents(of template: RequestTemplate) throws(RequestError) -> ContentTemplate {
        guard template.method != .get || !template.headers.isEmpty || template.body != nil else {
            return plain
        }
        let fields = try Self.fields(of: template.headers, references, names: template.names)
        return ContentTemplate(
            method: template.method, fields: Self.merged(standard, fields, own),
            body: template.body.map {
                TextTemplate($0.bytes, names: template.names.subtracting([""]))
            }, template.body?.syntax ?? .raw)
    }

    private static func fields(
        of sources: [HeaderSource], _ references: RequestReferences, names: Set<String>
    ) throws(RequestError) -> [FieldTemplate] {
        var fields: [FieldTemplate] = []
        for source in sources {
            fields += try references.fields(of: source, names: names.subtracting([""]))
        }
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
