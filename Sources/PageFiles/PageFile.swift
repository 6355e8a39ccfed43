/// A file of the web page, embedded in the program. None of them holds data.
public struct PageFile: Sendable {
    /// The media type.
    public let type: String
    public let bytes: [UInt8]

    public static let page = PageFile(
        type: "text/html; charset=utf-8", bytes: PackageResources.index_html)
    /// The page that lists queues.
    public static let list = PageFile(
        type: "text/html; charset=utf-8", bytes: PackageResources.list_html)

    /// The files that the pages load, by name.
    public static let parts: [String: PageFile] = [
        "app.js": script(PackageResources.app_js),
        "charts.js": script(PackageResources.charts_js),
        "tables.js": script(PackageResources.tables_js),
        "list.js": script(PackageResources.list_js),
        "style.css": PageFile(type: "text/css; charset=utf-8", bytes: PackageResources.style_css),
        "icon.svg": PageFile(type: "image/svg+xml", bytes: PackageResources.icon_svg),
    ]

    /// The styles of a report, as one style sheet: those of the page and its own.
    public static let reportStyles = PackageResources.style_css + PackageResources.report_css

    private static func script(_ bytes: [UInt8]) -> PageFile {
        PageFile(type: "text/javascript; charset=utf-8", bytes: bytes)
    }
}
