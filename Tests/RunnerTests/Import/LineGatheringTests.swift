import JobStore
import Lists
import TestSupport
import Testing

@testable import Runner

@Suite struct HostLanesTests {
    /// The lane of a line of a host, which is added when it is new.
    private func lane(_ host: String, of lanes: inout HostLanes) -> Int {
        Array(host.utf8).withUnsafeBytes { lanes.lane(of: $0) ?? lanes.add($0) }
    }

    @Test func hosts_shareLanes_untilTheyHaveManyLines() {
        var lanes = HostLanes()
        let first = lane("http://big", of: &lanes)
        #expect((0..<HostLanes.sharedMax).contains(first))
        for _ in 1..<Segment.countMax - 1 { #expect(lane("http://big", of: &lanes) == first) }
        let own = lane("http://big", of: &lanes)
        #expect(own == HostLanes.sharedMax)
        for number in 0..<100 { _ = lane("http://h\(number)", of: &lanes) }
        #expect(lane("http://big", of: &lanes) == own)
    }

    @Test func hosts_haveTheSameLane_inWhateverOrderTheyCome() {
        var (one, other) = (HostLanes(), HostLanes())
        let hosts = (0..<500).map { "https://h\($0).example" }
        let lanes = hosts.map { lane($0, of: &one) }
        #expect(Array(hosts.reversed().map { lane($0, of: &other) }.reversed()) == lanes)
        #expect(Set(lanes).count > 200)
    }

    /// Another process that begins anywhere in the list gives a host the same lane.
    @Test func hosts_haveOneLaneForGood_whereLanesGoByHash() {
        var (one, other) = (HostLanes(hashedTo: 8), HostLanes(hashedTo: 8))
        let first = lane("http://big", of: &one)
        for _ in 0..<2 * Segment.countMax { #expect(lane("http://big", of: &one) == first) }
        for number in 0..<200 { #expect((0..<8).contains(lane("http://h\(number)", of: &one))) }
        #expect(lane("http://big", of: &other) == first)
    }

    /// More hosts than are counted: those with a lane of their own keep it.
    @Test func hosts_keepTheirOwnLane_howeverManyOthersCome() {
        var lanes = HostLanes()
        for _ in 0..<Segment.countMax { _ = lane("http://big", of: &lanes) }
        for number in 0..<70_000 { _ = lane("http://h\(number)", of: &lanes) }
        #expect(lane("http://big", of: &lanes) == HostLanes.sharedMax)
    }
}

@Suite struct URLCheckTests {
    private func check(_ url: String) -> (authority: String?, reason: String?) {
        Array(url.utf8).withUnsafeBytes { bytes in
            guard let end = URLCheck.authorityEnd(of: bytes) else {
                return (nil, URLCheck.reason(against: bytes))
            }
            let authority = UnsafeRawBufferPointer(rebasing: bytes[..<end])
            return (
                String(decoding: authority, as: UTF8.self),
                URLCheck.reason(againstAuthority: authority)
            )
        }
    }

    @Test(arguments: [
        ("http://h", "http://h"), ("HTTPS://H:8443/x?y", "HTTPS://H:8443"),
        ("http://u:p@h?x", "http://u:p@h"), ("http://[::1]:80#f", "http://[::1]:80"),
        ("http://bücher.example/ü", "http://bücher.example"),
        ("http://h/" + String(repeating: "a", count: 9000), "http://h"),
    ])
    func urls_areTaken(url: String, authority: String) {
        #expect(check(url) == (authority, nil))
    }

    @Test(arguments: [
        ("", "empty"), ("h/x", "no scheme"), ("//h/x", "no scheme"), ("ftp://h", "'ftp'"),
        ("http://", "no host"), ("http:///x", "no host"), ("http://?x", "no host"),
        ("http://h/a b", "space"), ("http://h/\t", "control"), ("http://h/\u{7F}", "control"),
        ("http://h/12345678\u{1}", "control"), ("http://h/1234567 ", "space"),
        ("http://h:99999/", "99999"), ("http://a@b@c/", "@"), ("http://[zz]/", "IPv6"),
        ("http://::1/", "[::1]"), ("http:/h", "no scheme"),
    ])
    func others_areRefused(url: String, because word: String) {
        #expect(check(url).reason?.contains(word) == true, "\(check(url))")
    }

    /// Each byte at each place of a word, against the plain rule.
    @Test func bytes_areFound_whereverTheyStand() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<17 {
                var url = Array("http://h/aaaaaaaaaaaaaaaaaaaaaaaa".utf8)
                url[9 + place] = byte
                let isTaken = url.withUnsafeBytes { URLCheck.authorityEnd(of: $0) != nil }
                #expect(isTaken == (byte > 0x20 && byte != 0x7F), "\(byte) at \(place)")
            }
        }
    }
}

/// Rows become blocks: each row once, its host's in one lane, in order.
@Suite struct LineGatheringTests {
    @Test func rows_areInBlocks_eachOnce_andInOrderWithinTheirHost() throws {
        let seed = testSeed(for: "rows_areInBlocks")
        var random = SeededGenerator(seed: seed)
        let folder = Folder()
        let urls = (0..<30_000).map { number in
            "http://h\(Int.random(in: 0...Int.random(in: 0...60, using: &random), using: &random))/\(number)"
        }
        write(Array(urls.joined(separator: "\n").utf8), to: folder.file("urls"))
        let reader = try ListReader(source: .file(folder.file("urls")))
        let plan = try ImportPlan(ImportOptions(), .lines, columns: reader.columns, of: "urls")
        var gathering = LineGathering()
        while case .row(let row)? = try reader.next() { #expect(gathering.add(row, plan) == nil) }
        gathering.endAll()
        let blocks = gathering.takeBlocks()
        #expect(gathering.jobs == urls.count && gathering.takeBlocks().isEmpty)
        var (next, found) = (0, [String]())
        var numbers: [Substring: [Int]] = [:]
        var lanes: [Substring: Set<Int>] = [:]
        for block in blocks {
            #expect(block.first == next && block.count <= Segment.countMax)
            next += block.count
            let lines = try #require(block.lines())
            for index in 0..<lines.count {
                let url = String(decoding: lines.firstField(ofLine: index) ?? [], as: UTF8.self)
                let parts = url.split(separator: "/")
                found.append(url)
                numbers[parts[1], default: []].append(Int(parts[2]) ?? -1)
                lanes[parts[1], default: []].insert(block.lane)
            }
        }
        #expect(found.sorted() == urls.sorted())
        for (host, lane) in lanes {
            // One with many lines has got a lane of its own on the way.
            #expect(lane.count == 1 || numbers[host]!.count >= Segment.countMax, "\(host)")
        }
    }

    @Test func expectedBytes_areAboutThoseOfTheBlocks() throws {
        let folder = Folder()
        let urls = (0..<20_000).map { "http://h\($0 % 7)/some/path/item-\($0)" }
        write(Array(urls.joined(separator: "\n").utf8), to: folder.file("urls"))
        let reader = try ListReader(source: .file(folder.file("urls")))
        let plan = try ImportPlan(ImportOptions(), .lines, columns: reader.columns, of: "urls")
        var gathering = LineGathering(HostLanes(hashedTo: 4), first: 1000)
        for part in 0..<4 {
            for _ in 0..<5000 {
                guard case .row(let row)? = try reader.next() else { break }
                #expect(gathering.add(row, plan) == nil)
            }
            let expected = gathering.expectedBytes
            gathering.endAll()
            let real = gathering.blockBytes
            #expect(gathering.expectedBytes == real)
            // Of the first lines nothing is known: they count in full.
            if part > 0 { #expect((real / 2...real * 2).contains(expected)) }
            #expect(gathering.takeBlocks().first?.first == 1000 + 5000 * part)
            #expect(gathering.expectedBytes == 0)
        }
    }

    @Test(arguments: [
        (["sku", "land"], "http://h/{land}/{sku}", ["land", "sku"]),
        (["a", "b", "c"], "http://h/{c}?{id}", ["c"]), (["a"], "http://h/{}", ["a"]),
        (["a", "b"], "http://h/{id}", ["a"]), (["id", "b"], "http://h/{id}", ["id"]),
    ])
    func plan_keepsTheColumnsThatAreAskedFor(
        columns: [String], url: String, fields: [String]
    ) throws {
        var options = ImportOptions()
        options.url = url
        let plan = try ImportPlan(options, .csv, columns: columns, of: "list")
        #expect(plan.fields.names == fields)
        #expect(plan.columns.map { columns[$0] } == fields)
    }
}

@Suite struct ListBlockTests {
    private func block(_ lines: [[String?]]) -> ListBlock {
        var builder = ListBlockBuilder()
        for line in lines {
            builder.beginLine(fields: line.count)
            for field in line {
                guard let field else {
                    builder.append(nil)
                    continue
                }
                Array(field.utf8).withUnsafeBytes { builder.append($0) }
            }
        }
        return builder.take(first: 100, lane: 3, ListPacker())
    }

    @Test func lines_areReadAsTheyWereWritten() throws {
        let long = String(repeating: "x", count: 70_000)
        let written: [[String?]] = [["a", nil, ""], [], [long], ["ü", "\n"]]
        let block = block(written)
        let lines = try #require(block.lines())
        let read = (0..<lines.count).map { index in
            lines.fields(ofLine: index).map { $0.map { String(decoding: $0, as: UTF8.self) } }
        }
        #expect(read == written && block.positions == 100..<104)
        let only = block.only(102, of: lines)
        #expect(only.positions == 102..<103)
        #expect(only.lines()?.fields(ofLine: 0) == lines.fields(ofLine: 2))
    }

    /// Bytes of a damaged file are no lines, and no crash.
    @Test func damagedBytes_areNoLines() throws {
        let whole = block((0..<50).map { ["line \($0)", nil] })
        var random = SeededGenerator(seed: testSeed(for: "damagedBytes_areNoLines"))
        for _ in 0..<2000 {
            var bytes = whole.bytes
            for _ in 0...Int.random(in: 0...2, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            }
            let damaged = ListBlock(first: 0, count: 50, lane: 0, bytes: bytes)
            guard let lines = damaged.lines() else { continue }
            for index in 0..<lines.count { _ = lines.fields(ofLine: index) }
        }
        #expect(ListBlock(first: 0, count: 49, lane: 0, bytes: whole.bytes).lines() == nil)
        #expect(ListBlock(first: 0, count: 1, lane: 0, bytes: []).lines() == nil)
        #expect(ListBlock(first: 0, count: 1, lane: 0, bytes: [9, 9]).lines() == nil)
    }
}
