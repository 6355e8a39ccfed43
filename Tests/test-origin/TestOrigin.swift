import Glibc
import Synchronization
import TestServer

@main
struct TestOrigin {
    /// Keeps the origin alive while the main thread waits for the end.
    private static let running = Mutex<Origin?>(nil)

    // Not async: an async main hands the main thread to libdispatch, which takes signals on it
    // whatever is blocked.
    static func main() {
        let options: Options
        do {
            options = try Options(CommandLine.arguments.dropFirst())
        } catch {
            fail("test-origin: \(error.message)", status: 2)
        }
        if options.wantsHelp {
            print(help)
            return
        }
        // Before the first thread is made, as threads inherit what is blocked: the signals then
        // wait for `sigwait` instead of ending the process.
        let signals = blockEndSignals()
        raiseFileLimit()
        // Detached, as there is no async context to be part of and this thread, which is the main
        // actor's, is about to be blocked; the process ends it.
        Task.detached { await start(options) }
        wait(for: signals)
        // Leaves the connections to the kernel, which closes them as well as we could.
        exit(0)
    }

    private static func start(_ options: Options) async {
        do {
            let origin = try await Origin.start(
                onAllAddresses: options.onAllAddresses, port: options.port,
                threads: options.threads, behaviour: options.behaviour,
                maxIDs: options.maxIDs)
            running.withLock { $0 = origin }
            print("listening on \(origin.url)")
            fflush(nil)
        } catch {
            fail("test-origin: cannot listen on port \(options.port): \(error)", status: 1)
        }
    }

    private static func blockEndSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        let result = pthread_sigmask(SIG_BLOCK, &signals, nil)
        precondition(result == 0, "SIG_BLOCK is a valid way to change the mask")
        return signals
    }

    private static func wait(for signals: sigset_t) {
        var signals = signals
        var received: Int32 = 0
        let result = sigwait(&signals, &received)
        precondition(result == 0, "the set holds valid signals")
    }

    /// Each connection takes a descriptor, and the usual soft limit of 1,024 is soon reached.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        // Where it is refused, fewer connections are accepted at a time, and the others wait.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func fail(_ message: String, status: Int32) -> Never {
        let line = Array((message + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
        exit(status)
    }
}

/// What was typed, turned into what is meant.
private struct Options {
    var onAllAddresses = false
    var port = 0
    var threads = 1
    var maxIDs = 200_000_000
    var behaviour = Behaviour.immediate
    var wantsHelp = false

    struct UsageError: Error {
        var message: String
    }

    init(_ arguments: some Sequence<String>) throws(UsageError) {
        var arguments = arguments.makeIterator()
        while let argument = arguments.next() {
            switch argument {
            case "--help", "-h":
                wantsHelp = true
            case "--all-addresses":
                onAllAddresses = true
            case "--port":
                port = try Self.number(arguments.next(), for: argument, in: 0...65_535)
            case "--threads":
                threads = try Self.number(arguments.next(), for: argument, in: 1...1024)
            case "--max-ids":
                maxIDs = try Self.number(arguments.next(), for: argument, in: 0...Int.max)
            case "--delay":
                behaviour = try Self.behaviour(arguments.next())
            default:
                throw UsageError(message: "unknown argument '\(argument)', see --help")
            }
        }
    }

    private static func number(
        _ text: String?, for option: String, in range: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        guard let text else { throw UsageError(message: "\(option) needs a value") }
        guard let number = Int(text), range.contains(number) else {
            throw UsageError(
                message: "\(option) takes a number from \(range.lowerBound) to "
                    + "\(range.upperBound), not '\(text)'")
        }
        return number
    }

    private static func behaviour(_ text: String?) throws(UsageError) -> Behaviour {
        guard let text else { throw UsageError(message: "--delay needs a value") }
        if text == "0" { return .immediate }
        let bounds = text.split(separator: ".", omittingEmptySubsequences: false)
        guard bounds.count == 3, bounds[1].isEmpty, let least = Int(bounds[0]),
            let most = Int(bounds[2]), 0 <= least, least <= most, most <= 86_400
        else {
            throw UsageError(message: "--delay takes 0 or seconds like 0..3, not '\(text)'")
        }
        return .randomDelay(seconds: least...most)
    }
}

private let help = """
    An HTTP origin on the loopback interface, with faults on demand.

    USAGE: test-origin [--port N] [--delay MIN..MAX|0] [--threads N] [--max-ids N]
                       [--all-addresses]

    OPTIONS:
      --port N         listen on port N of 127.0.0.1 (default: 0, a free one)
      --delay MIN..MAX answer /{id} after a random whole number of seconds from
                       MIN to MAX; 0 answers at once (default: 0)
      --threads N      serve with N event loops (default: 1)
      --max-ids N      count the hits of IDs below N (default: 200000000)
      --all-addresses  listen on all addresses of the machine, so that each
                       127.x.y.z is one of the origin's
      --help           print this and exit

    Prints 'listening on http://127.0.0.1:PORT' and serves until SIGTERM or SIGINT.

    PATHS, with {id} a decimal number. Each arrival of a request counts as a hit of
    its ID, whatever is answered; GET, HEAD and POST are answered alike.
      /{id}                       200, when --delay says
      /status/{code}/{id}         that status, 100 to 999
      /delay/{ms}/{id}            200 after ms, at most a day
      /flaky/{n}/{code}/{id}      code for the first n-1 hits of the ID, then 200
      /flaky-reset/{n}/{id}       RST for the first n-1 hits of the ID, then 200
      /retry-after/{value}/{n}/{code}/{id}
                                  code and Retry-After: value (percent-decoded) for
                                  the first n-1 hits of the ID, then 200
      /body/{bytes}/{id}          200 with the ID and a line feed, repeated to that
                                  many bytes, at most 1 TiB
      /chunked/{bytes}/{id}       the same, chunked
      /gzip/{bytes}/{id}          200 with gzip that unpacks to that many zeros
      /mixed/{id}                 200 with a body that no other ID has: 0 B to 2 MB of
                                  text, UTF-8 or any bytes, with a length, chunked or
                                  until the end, some gzipped where that is accepted
                                  (Tests/Tools/mixed_body.py makes the same)
      /mixed/{ms}/{id}            the same after ms
      /bytes/{bytes}/{id}         200 with these bytes (percent-decoded)
      /odd-fields/{id}            200 with header fields that are hard to keep
      /large-head/KIND/BYTES/{id} 200 with about so many bytes of header fields: short,
                                  long or folded ones
      /attachment/{name}/{id}     200 with a name to save it under (percent-decoded)
      /redirect/{k}/{id}          302, k times over, then 200; only that is a hit
      /redirect-loop/{id}         302 to itself; not a hit
      /redirect-to/{url}/{id}     302 to the URL (percent-decoded)

    FAULTS
      /slow-headers/{ms}/{id}     a byte of the head each ms
      /slow-body/{ms}/{bytes}/{id}
                                  a byte of the body each ms
      /endless/{id}               a chunked body that never ends
      /endless-headers/{id}       header fields that never end
      /cut-body/{id}              Content-Length: 1000, 500 bytes, FIN
      /cut-chunked/{id}           half a chunk, FIN
      /long-length/{id}           Content-Length: 1000, 10 bytes, silence
      /short-length/{id}          Content-Length: 10, 1000 bytes, FIN
      /two-lengths/{id}           Content-Length: 10 and 20, 10 bytes
      /negative-length/{id}       Content-Length: -5, 10 bytes, FIN
      /bad-chunk/{id}             a chunk size that is not hex
      /bad-status-line/{id}       garbage for a status line, FIN
      /nul-header/{id}            a NUL byte in a header field
      /bad-gzip/{id}              Content-Encoding: gzip, but it is not
      /reset/{stage}/{id}         RST: at 'request' before any answer, 'status' in
                                  the status line, 'headers' after the head, 'body'
                                  half-way the body
      /close/{id}                 FIN before any answer
      /close-idle/{id}            200 that keeps alive, then FIN
      /silent/{id}                no answer, the connection stays open
      /escape/{id}                terminal escapes in reason phrase and header field
      /big-header/{kb}/{id}       200 with a header field of that many KB

    CONTROL, not counted and never delayed, answered in JSON
      /_/hits                     {"requests":n,"distinct":n,"repeated":n,"most":n,
                                  "in_flight":n}
      /_/hits/{id}                {"id":n,"hits":n}
      /_/missing/{from}/{to}      {"missing":n,"first":[up to 10 IDs]}, to excluded
      /_/reset                    {}, all hits forgotten
    """
