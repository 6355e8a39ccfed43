import Testing

@testable import Runner

@Suite struct PinnedNamesTests {
    @Test func aName_isAnswered_atItsPortAlone() throws {
        var pinned = PinnedNames()
        try pinned.add("Host.test:443:192.0.2.1,2001:db8::1,[::1]")
        let all = NameAnswer.addresses("192.0.2.1,[2001:db8::1],[::1]")
        #expect(pinned.answer(for: "host.test", port: "443", .any) == all)
        #expect(pinned.answer(for: "host.test", port: "80", .any) == nil)
        #expect(pinned.answer(for: "other.test", port: "443", .any) == nil)
        let four = NameAnswer.addresses("192.0.2.1")
        #expect(pinned.answer(for: "host.test", port: "443", .ipv4) == four)
        try pinned.add("host.test:443:192.0.2.9")
        #expect(pinned.answer(for: "host.test", port: "443", .ipv6) == .noSuchName)
    }

    @Test(arguments: [
        ("+h:80:127.0.0.1", "begins with +"), ("-h:80", "begins with -"),
        ("*:80:127.0.0.1", "begins with *"), ("h:80", "no name, port and address"),
        (":80:127.0.0.1", "no name, port and address"), ("h:0:127.0.0.1", "port"),
        ("h:x:127.0.0.1", "port"), ("h:80:", "address that is none"),
        ("h:80:127.0.0.1,", "address that is none"), ("h:80:localhost", "address that is none"),
        ("127.0.0.1:80:127.0.0.2", "begins with no name"),
        ("ü:80:127.0.0.1", "begins with no name"),
        ("h:80:" + Array(repeating: "::1", count: 17).joined(separator: ","), "more than 16"),
    ])
    func anythingElse_isRefused_withTheReason(text: String, names: String) {
        var pinned = PinnedNames()
        #expect { try pinned.add(text) } throws: {
            ($0 as? PinnedNames.Fault)?.description.contains(names) == true
        }
    }

    @Test(arguments: [
        (AddressFamily.any, "1.2.3.4,[::1],5.6.7.8"), (.ipv4, "1.2.3.4,5.6.7.8"), (.ipv6, "[::1]"),
    ])
    func aFamily_picksItsAddresses(family: AddressFamily, picked: String) {
        #expect(family.only("1.2.3.4,[::1],5.6.7.8") == picked)
    }

    @Test func aFamily_withoutAnAddress_picksNone() {
        #expect(AddressFamily.ipv6.only("1.2.3.4") == nil)
        #expect(NameAnswer.local("localhost", .ipv4) == .addresses("127.0.0.1"))
    }
}
