public import JobStore
internal import Lists

/// The requests to make of a list's rows.
public struct ImportOptions: Sendable {
    /// A URL with columns in braces; `nil` where the list has the whole URLs.
    public var url: String?
    /// The column with the whole URL; `nil` for the column `url`, or the only one there is.
    public var urlColumn: String?
    /// The column with a row's own key.
    public var keyColumn: String?
    /// Columns that records of the output carry along.
    public var kept: [String] = []
    public var method = HTTPMethod.get
    public var headers: [HeaderSource] = []
    public var body: BodyTemplate?
    /// Whether rows are left out whose request the queue has already, or an earlier row.
    public var isUnique = false

    public init() {}
}

/// Decides which columns of a list are kept, and what is made of them.
struct ImportPlan {
    let request: RequestTemplate
    let fields: LineFields
    /// The index of the column that each field is of.
    let columns: [Int]
    /// The fields that stand in a header: their values must be of one line.
    let ofOneLine: [Int]
    /// Whether a row has the whole URL, as its first field.
    let hasWholeURLs: Bool

    /// - Throws: `ImportError` when a column is missing or a template is malformed.
    init(
        _ options: ImportOptions, _ format: ListFormat, columns names: [String], of list: String
    ) throws(ImportError) {
        let isJSON = format == .jsonl
        let url = try Self.url(options, format, names, list)
        var fields: [String] = []
        func use(_ name: String) { if !fields.contains(name) { fields.append(name) } }
        // The URL's fields come first.
        for placeholder in TextTemplate(strictly: url.utf8).placeholders {
            let name = Self.column(placeholder.name, names)
            if names.contains(name) {
                use(name)
            } else if name != TextTemplate.Placeholder.idName {
                throw ImportError(
                    .noColumn,
                    "the URL '\(url)' has {\(name)}, and \(list) the columns \(ImportError.shown(names)) (and {id}); write other braces as %7B and %7D"
                )
            }
        }
        if isJSON { names.forEach(use) }
        for text in Self.texts(options) {
            for placeholder in TextTemplate(text, names: Set(names)).placeholders {
                use(placeholder.name)
            }
        }
        for name in options.kept + [options.keyColumn].compactMap(\.self) {
            guard names.contains(name) else { throw .noColumn(name, names, list) }
            use(name)
        }
        // A line has a field, also where nothing asks for one.
        if fields.isEmpty { use(names[0]) }
        func index(_ name: String) -> Int? { fields.firstIndex(of: name) }
        self.fields = LineFields(
            fields, key: isJSON ? index("key") : options.keyColumn.flatMap(index),
            kept: options.kept.compactMap(index),
            parts: isJSON
                ? .init(
                    method: index("method")!, headers: index("headers")!, body: index("body")!,
                    meta: index("meta")!) : nil)
        columns = fields.map { names.firstIndex(of: $0)! }
        do throws(RequestTemplate.Malformed) {
            request = try RequestTemplate(
                parsing: url, fields: fields, method: options.method, headers: options.headers,
                body: options.body)
            try request.check()
        } catch {
            throw ImportError(.badTemplate, error.description)
        }
        hasWholeURLs = request.isWholeURL
        // A file of headers may name any field, once it is read.
        let hasFile = options.headers.contains { source in
            switch source {
            case .file: true
            case .field: false
            }
        }
        let inHeaders =
            hasFile
            ? (isJSON ? ["url"] : fields)
            : Self.headerTexts(options.headers).flatMap { text in
                TextTemplate(text, names: Set(fields)).placeholders.map(\.name)
            }
        ofOneLine = inHeaders.compactMap(index) + [self.fields.key].compactMap(\.self)
        if options.isUnique, Self.usesID(request, fields: fields) {
            throw ImportError(
                .badTemplate,
                "the requests hold {\(TextTemplate.Placeholder.idName)}, another number in each of them, so that none is a duplicate; take it out, or add the list with its duplicates"
            )
        }
        guard fields.count <= LineFields.countMax else {
            throw ImportError(
                .badTemplate, "\(fields.count) columns are kept, of \(LineFields.countMax) at most")
        }
    }

    /// The first bytes of a row, for messages.
    func excerpt(of row: ListFields) -> [UInt8] {
        row.field(columns[0]).map { Array($0.prefix(ListRejection.excerptBytesMax)) } ?? []
    }

    /// Refuses to go on with a list whose requests would be others than those before.
    func check(against list: UnfinishedList) throws(ImportError) {
        guard case .list(let known) = list.batch.source else { return }
        let different = [
            ("URL", request.url != known.request.url), ("columns", fields != known.fields),
            ("method", request.method != known.request.method),
            ("headers", request.headers != known.request.headers),
            ("body", request.body != known.request.body),
        ].filter(\.1).map(\.0)
        guard let first = different.first else { return }
        throw ImportError(
            .otherOptions,
            "batch \(list.batch.id) was begun with \(first == "columns" || first == "headers" ? "other \(first)" : "another \(first)"); a list goes on with the options it was begun with"
        )
    }

    /// Whether the ID of a job stands in its request.
    static func usesID(_ request: RequestTemplate, fields: [String]) -> Bool {
        let name = TextTemplate.Placeholder.idName
        guard !fields.contains(name) else { return false }
        let texts = headerTexts(request.headers) + (request.body.map { [$0.bytes] } ?? [])
        let templates = [request.urlTemplate] + texts.map { TextTemplate($0, names: [name]) }
        return templates.contains { $0.placeholders.contains { $0.name == name } }
    }

    /// The URL as a template.
    private static func url(
        _ options: ImportOptions, _ format: ListFormat, _ names: [String], _ list: String
    ) throws(ImportError) -> String {
        if let url = options.url { return url }
        if let column = options.urlColumn {
            guard names.contains(column) else { throw .noColumn(column, names, list) }
            return "{\(column)}"
        }
        switch format {
        case .lines: return "{}"
        case .jsonl: return "{url}"
        case .sitemap: return "{loc}"
        case .csv, .tsv:
            if let name = names.first(where: { $0.lowercased() == "url" }) { return "{\(name)}" }
            if names.count == 1 { return "{\(names[0])}" }
            throw ImportError(
                .noURL,
                "\(list) has no column 'url', but \(ImportError.shown(names)); the column of the URL is to be named, or a URL made of columns",
                remedy: .nameURLColumn)
        }
    }

    /// The column that a placeholder is of.
    private static func column(_ name: String, _ names: [String]) -> String {
        name.isEmpty && names.count == 1 ? names[0] : name
    }

    private static func headerTexts(_ headers: [HeaderSource]) -> [[UInt8]] {
        headers.compactMap { source in
            switch source {
            case .field(let field):
                switch field.value {
                case .text(let text), .credentials(let text): Array(text.utf8)
                case .none: nil
                }
            case .file: nil
            }
        }
    }

    private static func texts(_ options: ImportOptions) -> [[UInt8]] {
        headerTexts(options.headers) + (options.body.map { [$0.bytes] } ?? [])
    }
}
