import NIOCore
import TestSupport

/// A page of a site that is made from a seed: `/site/SEED.PAGES/NUMBER`.
///
/// Each page leads to two others behind it, so that all are reached from page 0; to some at random, by
/// loops and twice; to others by a query that never ends; and to another host. `Tests/Tools/check_site.py`
/// knows the same pages, and is to be changed together with this.
struct SitePage {
    let seed: UInt64
    let pages: Int

    /// - Parameter text: `SEED.PAGES`.
    init?(_ text: String) {
        let numbers = text.split(separator: ".").map { decimal(String($0).utf8.span) }
        guard numbers.count == 2, let seed = numbers[0], let pages = numbers[1], pages > 0 else {
            return nil
        }
        (self.seed, self.pages) = (UInt64(seed), pages)
    }

    /// The references of a page, as they stand in it.
    func links(of number: Int) -> [String] {
        var random = SeededGenerator(seed: seed &+ UInt64(number))
        var links = [2 * number + 1, 2 * number + 2].filter { $0 < pages }.map { "\($0)" }
        for form in 0..<4 {
            let page = Int(random.next() % UInt64(pages))
            switch form {
            case 0: links.append("/site/\(seed).\(pages)/\(page)")
            case 1: links.append("./\(page)#part")
            case 2: links.append("../\(seed).\(pages)/x/../\(page)")
            default: links += ["\(number)", "\(page)", "\(page)"]
            }
        }
        links.append("\(number)?day=\(random.next() % 1_000_000)")
        links.append("http://elsewhere.invalid/\(number)")
        return links
    }

    func html(of number: Int) -> [UInt8] {
        let links = links(of: number).map { "<li><a href=\"\($0)\">\($0)</a>\n" }.joined()
        return Array(
            "<!DOCTYPE html><html><title>Page \(number)</title>\n<ul>\n\(links)</ul></html>\n".utf8)
    }
}
