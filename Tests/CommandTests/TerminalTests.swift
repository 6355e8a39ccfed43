import TestSupport
import Testing

/// The live view on a real pseudo-terminal, as an emulator shows it: what is on the screen, and what
/// the terminal is like afterwards.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LiveTerminalTests {
    /// All parts at once, each on a terminal of its own: they wait for what is drawn, most of the time.
    @Test func theLiveView_isWholeOnARealTerminal() async throws {
        let script = try Tools.script("test_terminal.py")
        let parts = ["sizes", "resize", "keys", "suspend", "background", "ends", "watch"]
        let tests = try parts.map { part in
            try Program().start(Tools.python, ["-B", script, Program.products, part])
        }
        for (part, test) in zip(parts, tests) {
            let result = await test.wait(seconds: 120)
            #expect(result.status == 0, "\(part): \(result.out)\(result.err)")
        }
    }
}
