import JobStore
import Testing

@testable import Runner

@Suite struct HandlerAnswerTests {
    private let reader = HandlerAnswerReader()

    private func answer(_ line: String) throws -> HandlerAnswer {
        try Array(line.utf8).withUnsafeBytes { try reader.read($0) }
    }

    @Test func records_areKeptAsTheyAreWritten() throws {
        let answer = try answer(
            #" { "records" : [ 1.50e+2 ,"\u00e9\n é", {"b": [ ], "a":{}} , null,[1,[2]] ] , "request" : 12 } "#
        )
        #expect(answer.number == 12)
        let handled = try answer.result.get()
        #expect(
            String(decoding: handled.records, as: UTF8.self)
                == #"1.50e+2,"\u00e9\n é",{"b": [ ], "a":{}},null,[1,[2]]"#)
        #expect(handled.recordCount == 5)
    }

    @Test func headersOfARequestToFollow_areBounded() throws {
        let long = String(repeating: "x", count: 2 << 20)
        let answer = try answer(
            #"{"request":1,"follow":["/a",{"url":"c","headers":{"X-A":"\#(long)"}}]}"#)
        let fault = #expect(throws: HandlerAnswer.Fault.self) { try answer.result.get() }
        #expect(
            fault?.description
                == "has a request to follow, number 2, that has headers of more than 1048576 bytes")
    }

    @Test func requestToFollow_isReadWhole() throws {
        let answer = try answer(
            #"{"request":1,"follow":["/a?b=\u00e9",{"url":"c","method":"PUT","headers":{"X-A":["1","2: 3"],"X-E":""},"#
                + #""body":"text","key":7,"meta":{"d": 1}},"#
                + #"{"url":"f","method":"POST","json":{"g" : 1}},"#
                + #"{"url":"h","headers":{"content-type":"a/b"},"json":null},{"url":"i","body_base64":"AAEC"}]}"#
        )
        let follow = try answer.result.get().follow
        #expect(
            follow == [
                FollowRequest("/a?b=é"),
                FollowRequest(
                    "c", method: .put, headers: [("X-A", "1"), ("X-A", "2: 3"), ("X-E", "")],
                    body: Array("text".utf8), key: "7", meta: Array(#"{"d": 1}"#.utf8)),
                FollowRequest(
                    "f", method: .post, headers: [("Content-Type", "application/json")],
                    body: Array(#"{"g" : 1}"#.utf8)),
                FollowRequest("h", headers: [("content-type", "a/b")], body: Array("null".utf8)),
                FollowRequest("i", body: [0, 1, 2]),
            ])
    }

    @Test(arguments: [
        (#""done""#, HandlerVerdict.done), (#"{"retry_after":0}"#, .retry(after: .zero)),
        (#"{ "retry_after" : 2.5e1 }"#, .retry(after: .seconds(25))),
        (#"{"failed":"no\tprice\n"}"#, .failed("no price")),
        (#"{"failed":""}"#, .failed("")),
    ])
    func verdict_isRead(text: String, verdict: HandlerVerdict) throws {
        #expect(try answer(#"{"request":1,"verdict":\#(text)}"#).result.get().verdict == verdict)
    }

    @Test(arguments: [
        "\"Done\"", "null", "{}", "[]", "{\"retry_after\":\"1\"}", "{\"retry_after\":1e99}",
        "{\"retry_after\":1e999}", "{\"retry_after\":1,\"failed\":\"\"}", "{\"failed\":1}",
        "{\"done\":true}",
    ])
    func verdict_thatIsNone_isAFault(text: String) throws {
        let answer = try answer(#"{"request":1,"verdict":\#(text)}"#)
        #expect(throws: HandlerAnswer.Fault.self) { try answer.result.get() }
    }

    @Test func nesting_isBounded() throws {
        let deep = String(repeating: "[", count: 100_000)
        let error = #expect(throws: HandlerAnswer.Fault.self) {
            try answer(#"{"request":1,"records":\#(deep)"#)
        }
        #expect(error?.description.contains("nested more than 512 deep") == true)
    }
}
