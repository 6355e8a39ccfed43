import Testing

@testable import Runner

@Suite struct RobotsTagFieldTests {
    /// The first ones are examples of the documentation that is named there.
    @Test(arguments: [
        ("noindex", false), ("noimageindex, unavailable_after: 25 Jun 2010 15:00:00 PST", false),
        ("googlebot: nofollow", false), ("otherbot: noindex, nofollow", false),
        ("BadBot: noindex, nofollow, googlebot: nofollow", false), ("max-snippet: 20", false),
        ("nofollow", true), ("none", true), ("NoFollow", true), ("noindex,nofollow", true),
        ("noindex , \t nofollow ", true), ("all", false), ("", false), (",", false), (":", false),
        ("nofollowed", false), ("no follow", false), ("index, follow", false),
        ("runner: nofollow", true), ("Runner : NONE", true), ("runner:nofollow", true),
        ("runner: noindex, nofollow", true), ("runner-two: nofollow", false),
        ("runner: noindex, otherbot: nofollow", false),
        ("otherbot: noindex, runner: nofollow", true),
        ("*: nofollow", true), ("otherbot: noindex, *: nofollow", true),
        // What has a value is no crawler, and neither is a date.
        ("max-snippet: -1, nofollow", true), ("max-image-preview: none", false),
        ("unavailable_after: Friday, 25 Jun 2010 15:00:00 PST, nofollow", true),
        ("otherbot: unavailable_after: 25-Aug-10 15:00:00, nofollow", false),
        ("runner: unavailable_after: 25-Aug-10 15:00:00, nofollow", true),
    ])
    func linksAreForbidden(_ value: String, _ areForbidden: Bool) {
        #expect(
            RobotsTagField.forbidsLinks(Array(value.utf8), to: "runner") == areForbidden,
            "\(value)")
    }

    @Test func theCrawlersName_isThatOfRobots() {
        let value = Array("examplebot: nofollow".utf8)
        #expect(RobotsTagField.forbidsLinks(value, to: "ExampleBot"))
        #expect(!RobotsTagField.forbidsLinks(value, to: "runner"))
    }

    @Test func bytesThatAreNoText_forbidNothing() {
        #expect(!RobotsTagField.forbidsLinks([0xFF, 0x3A, 0x00, 0x2C, 0xC3], to: "runner"))
    }
}
