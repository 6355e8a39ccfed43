import TestSupport
import Testing

@testable import Runner

@Suite struct SitemapLinksTests {
    private func sitemap(_ text: String) -> SitemapLinks? {
        SitemapLinks(in: Array(text.utf8), url: "http://h/sitemap.xml")
    }

    private func urlset(_ entries: String) -> String {
        "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\(entries)"
    }

    @Test func addresses_areThoseOfSitemapsAndIndexes() throws {
        let pages = try #require(
            sitemap(urlset("<url><loc> http://h/a?b=1&amp;c </loc></url><url/></urlset>")))
        #expect(pages.urls == ["http://h/a?b=1&c"] && pages.malformed == 1 && pages.unread == 0)
        let index = try #require(
            sitemap("<sitemapindex><sitemap><loc>/b.xml.gz</loc></sitemap></sitemapindex>"))
        #expect(index.urls == ["/b.xml.gz"] && index.malformed == 0)
    }

    @Test(arguments: [
        "", "<", "<!doctype html><html><url><loc>http://h/</loc></url></html>",
        "<rss><channel><link>http://h/</link></channel></rss>", "no XML",
        "<html><p>not closed</html>", "\u{1F}\u{8B}", "<?xml version='1.0'?>",
    ])
    func anythingElse_isNoSitemap(_ text: String) {
        #expect(sitemap(text) == nil)
    }

    @Test(arguments: [
        "<url><loc>http://h/2</loc></ur", "<url><loc>http://h/2</url></urlset>", "&bad;</urlset>",
        "",
    ])
    func aBrokenOne_isReadUpToThere(_ rest: String) throws {
        let broken = try #require(sitemap(urlset("<url><loc>http://h/1</loc></url>\(rest)")))
        #expect(broken.urls == ["http://h/1"] && broken.malformed == 1)
    }

    @Test func whatIsTooMuch_isNotRead() throws {
        let entry = "<url><loc>http://h/</loc></url>"
        let many = String(repeating: entry, count: Handled.followMax + 1)
        let found = try #require(sitemap(urlset(many + "</urlset>")))
        #expect(found.urls.count == Handled.followMax && found.unread == 1)
        // Blanks make no entries, and compress well.
        let blanks = String(repeating: " ", count: 1 << 20)
        let packed = gzipMember(Array(urlset(entry + blanks + entry + "</urlset>").utf8))
        let large = try #require(
            SitemapLinks(in: packed, url: "http://h/a.xml.gz", bytesMax: 1 << 19))
        #expect(large.urls.count == 1 && large.unread == 1 && large.malformed == 0)
    }
}
