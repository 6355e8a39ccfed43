import Testing

@testable import Runner

@Suite struct HostsFileTests {
    private func names(_ text: String) -> [String: String] {
        HostsFile.names(in: Array(text.utf8))
    }

    @Test func aLine_isAnAddressAndItsNames() {
        #expect(
            names("127.0.0.1 localhost\n \t10.0.0.1\tA.Example  b # c\n::1 ip6\n#1.2.3.4 d") == [
                "localhost": "127.0.0.1", "a.example": "10.0.0.1", "b": "10.0.0.1", "ip6": "[::1]",
            ])
    }

    @Test func linesOfOneName_giveItTheirAddresses_inOrder_andNotWithoutBound() {
        #expect(names("1.1.1.1 a\n::1 a\n1.1.1.2 a")["a"] == "1.1.1.1,[::1],1.1.1.2")
        let many = names((1...100).map { "10.0.0.\($0) a" }.joined(separator: "\n"))
        #expect(many["a"]?.split(separator: ",").count == 16)
    }

    @Test(arguments: [
        "", "\n\n", "1.1.1.1", "1.1.1.1\n a", "nonsense a", "1.1.1 a", "fe80::1%eth0 a",
        "#1.1.1.1 a", "1.1.1.1#a", "\u{0}1.1.1.1 a", "1.1.1.256 a", "1.1.1.1,2.2.2.2 a",
    ])
    func whatIsNoLine_isPassedOver(text: String) {
        #expect(names(text) == [:])
        #expect(names(text + "\r\n1.2.3.4 b\r\n")["b"] == "1.2.3.4")
    }

    @Test func aFileThatIsNotThere_knowsNothing() {
        let file = HostsFile(path: "/nonexistent/hosts")
        #expect(file.addresses(of: "localhost", atMicros: 0) == nil)
    }
}
