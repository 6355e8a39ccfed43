import Testing

@testable import Runner

@Suite struct AddressGuardTests {
    // MARK: - Classes

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200",
        "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254",
        "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.170", "192.0.0.255", "192.168.0.0",
        "192.168.255.255", "198.18.0.0", "198.19.255.255", "224.0.0.1", "239.255.255.255",
        "240.0.0.0", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "64:ff9b:1:ffff:ffff:ffff:8.8.8.8", "fc00::", "fd00:ec2::254",
        "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff00::", "ff02::1",
        "ffff::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a00:1:2:3:4:5:6",
    ])
    func anInwardAddress_isToldFromOthers(text: String) throws {
        #expect(try #require(IPAddress(text)).isInward)
    }

    @Test(arguments: [
        "1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
        "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.2.1", "192.167.255.255",
        "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.100.1", "203.0.113.1",
        "223.255.255.255", "::8.8.8.8", "::ffff:8.8.8.8", "::fffe:7f00:1", "64:ff9b::8.8.8.8",
        "64:ff9b:2::1", "64:ff9b:0:1::7f00:1", "2000::", "2001:db8::1", "2001:4860:4860::8888",
        "2002:808:808::7f00:1", "2003:7f00:1::", "fbff::1", "fe00::1", "fe7f::1", "::2:0:0:1",
        "1::", "::1:0:0:0:0",
    ])
    func aPublicAddress_isToldFromOthers(text: String) throws {
        #expect(!(try #require(IPAddress(text)).isInward))
    }

    // MARK: - Rules

    private let inward = IPAddress("10.0.0.1")!
    private let outward = IPAddress("198.51.100.1")!

    @Test func aJobsOwnURL_mayLeadInward() {
        let rule = AddressGuard()
        for host in ["intranet.example", "localhost", "10.0.0.1", "[::1]"] {
            #expect(rule.allows(inward, for: host, ledFromPublic: false))
        }
    }

    @Test func aPublicResponse_leadsNoRequestInward() {
        let rule = AddressGuard()
        for host in ["intranet.example", "localhost", "10.0.0.1"] {
            #expect(!rule.allows(inward, for: host, ledFromPublic: true))
            #expect(rule.allows(outward, for: host, ledFromPublic: true))
        }
    }

    @Test func aNameThatWasPublic_mayNotChangeItsMind() {
        let rule = AddressGuard()
        rule.noteSent(to: "one.example")
        #expect(rule.isKnownPublic("one.example") && !rule.isKnownPublic("two.example"))
        #expect(!rule.allows(inward, for: "one.example", ledFromPublic: false))
        #expect(rule.allows(outward, for: "one.example", ledFromPublic: false))
        #expect(rule.allows(inward, for: "two.example", ledFromPublic: false))
        // An address is what it is, whatever was sent to it.
        rule.noteSent(to: "10.0.0.1")
        #expect(rule.allows(inward, for: "10.0.0.1", ledFromPublic: false))
        #expect(rule.isKnownPublic("198.51.100.1") && !rule.isKnownPublic("[::1]"))
    }

    @Test func aGuardThatIsOff_allowsAll() {
        let rule = AddressGuard(isOff: true)
        rule.noteSent(to: "one.example")
        #expect(rule.allows(inward, for: "one.example", ledFromPublic: true))
    }

    @Test(arguments: [
        ("localhost", true), ("a.localhost", true), ("127.0.0.1", true), ("[fe80::1]", true),
        ("198.51.100.1", false), ("[2001:db8::1]", false), ("intranet.example", false),
    ])
    func aHostsText_tellsWhatItCan(host: String, isInward: Bool) {
        #expect(AddressGuard.isInward(host: host) == isInward)
    }

    // MARK: - Names

    @Test func names_areRemembered_inAFixedPlace() {
        var names = PublicNames()
        #expect(!names.contains("0.example"))
        for number in 0..<10_000 { names.note("\(number).example") }
        // Some 7 % of them share a place with a later one.
        let known = (0..<10_000).count { names.contains("\($0).example") }
        #expect(known > 8500, "\(known)")
        #expect(!(10_000..<20_000).contains { names.contains("\($0).example") })
        for number in 10_000..<400_000 { names.note("\(number).example") }
        #expect((0..<400_000).count { names.contains("\($0).example") } <= PublicNames.countMax)
        #expect(names.contains("399999.example"))
    }
}
