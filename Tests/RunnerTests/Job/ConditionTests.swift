import JobStore
import Testing

@testable import Runner

/// Requests that ask for what has changed since validators were told.
@Suite struct ConditionTests {
    private let validators = Validators(
        entityTag: Array("W/\"x\"".utf8), lastModifiedSeconds: 784_111_777)!
    private let conditions = ["If-None-Match", "If-Modified-Since"]

    private func content(
        _ method: HTTPMethod = .get, _ fields: [RequestContent.Field] = []
    ) -> RequestContent {
        RequestContent(method: method, fields: fields, body: nil)
    }

    @Test func asking_addsTheFields_toMethodsThatGoWithThem() {
        for method in [HTTPMethod.get, .head] {
            let asking = content(method).asking(since: validators)
            #expect(asking.isConditional && asking.fields.map(\.name) == conditions)
            #expect(asking.value(of: "If-None-Match") == Array("W/\"x\"".utf8))
            #expect(
                asking.value(of: "If-Modified-Since")
                    == Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8))
        }
        let post = content(.post)
        #expect(post.asking(since: validators) === post)
    }

    @Test(arguments: ["if-none-match", "IF-MODIFIED-SINCE"])
    func asking_leavesTheUsersFields(_ name: String) {
        for value in [Array("\"own\"".utf8), nil] {
            let own = content(.get, [.init(name, value)])
            #expect(own.asking(since: validators) === own && !own.isConditional)
        }
    }

    /// Validators are of the URL that told them, and of no other one of its origin.
    @Test(arguments: [301, 302, 303, 307, 308], [true, false])
    func redirected_leavesConditionsBehind(_ status: Int, isOtherOrigin: Bool) {
        let asking = content(.get, [.init("X-A", [1])]).asking(since: validators)
        let next = asking.redirected(by: status, isOtherOrigin: isOtherOrigin)
        #expect(!next.isConditional && next.fields.map(\.name) == ["X-A"])
        // Those of the user are the user's.
        let own = content(.get, [.init("If-None-Match", [0x22, 0x22])])
        #expect(own.redirected(by: status, isOtherOrigin: isOtherOrigin).fields.count == 1)
    }
}
