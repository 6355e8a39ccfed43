import TestSupport

/// A page of lists that are read by cursors, made from a seed: `/cursors/SEED.LISTS.PAGES/NUMBER`.
///
/// Number 0 names the first page of each list by an item. A page of a list names the next one by
/// `/paging/next`, and by an item any page at random. `Tests/Tools/check_site.py` knows the same
/// pages, and is to be changed together with this.
struct CursorPage {
    let seed: UInt64
    let lists: Int
    /// Of each list.
    let pages: Int

    /// - Parameter text: `SEED.LISTS.PAGES`.
    init?(_ text: String) {
        let numbers = text.split(separator: ".").map { decimal(String($0).utf8.span) }
        guard numbers.count == 3, let seed = numbers[0], let lists = numbers[1], lists > 0,
            let pages = numbers[2], pages > 0
        else { return nil }
        (self.seed, self.lists, self.pages) = (UInt64(seed), lists, pages)
    }

    func json(of number: Int) -> [UInt8] {
        guard number > 0 else {
            let items = (0..<lists).map { "{\"id\":\($0 * pages + 1)}" }.joined(separator: ",")
            return Array("{\"items\":[\(items)],\"paging\":{}}\n".utf8)
        }
        var random = SeededGenerator(seed: seed &+ UInt64(number))
        let other = 1 + Int(random.next() % UInt64(lists * pages))
        let next = number % pages == 0 ? "null" : "\"\(number + 1)\""
        return Array(
            "{\"items\":[{\"id\":\(other)}],\"paging\":{\"next\":\(next)},\"page\":\(number)}\n"
                .utf8)
    }
}
