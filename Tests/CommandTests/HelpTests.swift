import TestSupport
import Testing

/// What the program says about itself, compared whole.
@Suite struct HelpTests {
    private let program = Program()

    private func expect(
        _ arguments: String..., prints text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let result = try await program.start("runner", arguments).wait()
        result.expectSuccess(sourceLocation: sourceLocation)
        #expect(result.out == text + "\n", sourceLocation: sourceLocation)
    }

    @Test(arguments: [["--help"], ["-h"], ["help"], []])
    func help_showsTheCommands(_ arguments: [String]) async throws {
        let result = try await program.start("runner", arguments).wait()
        result.expectSuccess()
        #expect(result.out == Self.root + "\n")
    }

    @Test func help_showsEnqueue() async throws {
        try await expect("enqueue", "--help", prints: Self.enqueue)
        try await expect("help", "enqueue", prints: Self.enqueue)
    }

    @Test func help_showsRun() async throws {
        try await expect("run", "--help", prints: Self.run)
        try await expect("run", "-h", prints: Self.run)
    }

    @Test func help_showsStatus() async throws {
        try await expect("status", "--help", prints: Self.status)
    }

    @Test func help_showsSplitAndMerge() async throws {
        try await expect("split", "--help", prints: Self.split)
        try await expect("merge", "--help", prints: Self.merge)
    }

    @Test func help_showsForgetSite() async throws {
        try await expect("forget-site", "--help", prints: Self.forgetSite)
    }

    @Test func help_showsBatches() async throws {
        try await expect("batches", "--help", prints: Self.batches)
    }

    @Test func help_showsFailures() async throws {
        try await expect("failures", "--help", prints: Self.failures)
    }

    @Test func help_showsRetry() async throws {
        try await expect("retry", "--help", prints: Self.retry)
    }

    @Test func help_showsCancel() async throws {
        try await expect("cancel", "--help", prints: Self.cancel)
    }

    @Test func help_showsPause() async throws {
        try await expect("pause", "--help", prints: Self.pause)
    }

    @Test func help_showsResume() async throws {
        try await expect("resume", "--help", prints: Self.resume)
    }

    @Test func help_showsSet() async throws {
        try await expect("set", "--help", prints: Self.setLimits)
    }

    @Test func help_showsExport() async throws {
        try await expect("export", "--help", prints: Self.export)
    }

    @Test func help_showsVerify() async throws {
        try await expect("verify", "--help", prints: Self.verify)
    }

    @Test func help_showsRobots() async throws {
        try await expect("robots", "--help", prints: Self.robots)
    }

    @Test func help_showsReport() async throws {
        try await expect("report", "--help", prints: Self.report)
    }

    @Test func help_showsServe() async throws {
        try await expect("serve", "--help", prints: Self.serve)
    }

    @Test func help_fitsTheNarrowestTerminalInUse() {
        let commands = [
            Self.enqueue, Self.run, Self.status, Self.batches, Self.failures, Self.retry,
            Self.cancel, Self.pause, Self.resume, Self.setLimits, Self.export, Self.verify,
            Self.split, Self.merge, Self.robots, Self.report, Self.serve,
        ]
        for text in [Self.root] + commands {
            for line in text.split(separator: "\n") {
                // What is typed, as shown in the usage, is the parser's to break.
                #expect(line.count <= 80 || line.hasPrefix("USAGE"), "\(line)")
            }
        }
    }

    @Test(arguments: [["--version"], ["run", "--version"]])
    func version_isPrinted_withThoseOfTheLibraries(_ arguments: [String]) async throws {
        let result = try await program.start("runner", arguments).wait()
        result.expectSuccess()
        let lines = result.out.split(separator: "\n")
        try #require(lines.count >= 3)
        #expect(lines[0] == "0.1.0")
        // The one that is loaded here; what it was built with may be another.
        func answer(_ library: String, _ function: String) async throws -> String {
            let script = "import ctypes as c; f = c.CDLL('\(library)').\(function);"
            let asked = ["-c", "\(script) f.restype = c.c_char_p; print(f().decode())"]
            return try await String(program.start(Tools.python, asked).wait().out.dropLast())
        }
        let curl =
            try await answer("libcurl.so.4", "curl_version")
            .split(separator: " ").first?.dropFirst("libcurl/".count) ?? ""
        let sqlite = try await answer("libsqlite3.so.0", "sqlite3_libversion")
        #expect(!curl.isEmpty && !sqlite.isEmpty)
        #expect(lines[1].hasPrefix("libcurl \(curl) (OpenSSL/"))
        #expect(lines[2] == "SQLite \(sqlite)")
        let remarks = lines.dropFirst(3)
        let kinds = ["known fault of this libcurl: ", "known fault of this SQLite: "]
        #expect(remarks.allSatisfy { line in kinds.contains { line.hasPrefix($0) } })
        if curl == "7.88.1" {
            #expect(remarks.contains { $0.contains("corrupts memory (guarded") })
        }
        if sqlite == "3.40.1" {
            #expect(remarks.contains { $0.contains("corrupt a queue (guarded") })
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completions_coverEveryCommand(shell: String) async throws {
        let result = try await program.runner("--generate-completion-script", shell)
        result.expectSuccess()
        for word in [
            "enqueue", "run", "status", "export", "verify", "queue", "range", "workers", "max-body",
            "watch",
            "outcome", "jsonl",
        ] {
            #expect(result.out.contains(word), "\(word)")
        }
    }

    @Test func completions_areAcceptedByBash() async throws {
        let script = try await program.runner("--generate-completion-script", "bash")
        write(Array(script.out.utf8), to: program.folder.file("runner.bash"))
        let bash = try await program.start("/bin/bash", ["-n", "runner.bash"]).wait()
        bash.expectSuccess()
        let loaded = try await program.start(
            "/bin/bash", ["-c", "source ./runner.bash && complete -p runner"]
        ).wait()
        #expect(loaded.status == 0)
        #expect(loaded.out.hasPrefix("complete "))
    }

    // MARK: - The texts

    private static let root = """
        OVERVIEW: Fetch a very large, known set of requests, and finish it, whatever
        happens.

        The queue is one file. Stop a run however you like, kill -9 included, and
        the next one resumes: nothing is lost.

        EXAMPLES
          runner enqueue --range 0..1000000 --url 'https://api.example.com/items/{id}'
          runner run --workers 1000
          runner status

        EXIT CODES
           0  all done
           1  done, some jobs failed
           2  wrong usage
           3  the queue or the output cannot be used
           4  the queue is in use
          11  stopped by a signal; run again to resume
          12  stopped by a limit; run again to resume

        USAGE: runner <subcommand>

        OPTIONS:
          --version               Show the version.
          -h, --help              Show help information.

        SUBCOMMANDS:
          enqueue                 Add jobs to the queue; make the queue if there is
                                  none.
          run                     Fetch what is queued; resume where the last run
                                  stopped.
          status                  Show how many jobs stand where; during a run too.
          batches                 List the batches, a row each; during a run too.
          failures                Count or list the jobs that failed; during a run too.
          retry                   Put failed jobs back, to be fetched again; during a
                                  run too.
          cancel                  Take back the jobs of a batch that are not started.
          pause                   Hold the run back, and any later one; nothing is sent
                                  until resume.
          resume                  Let a run that was paused go on.
          set                     Give the run that is going on other limits, until its
                                  end.
          export                  Write how each job stands, a row a job; during a run
                                  too.
          verify                  Check the queue and its output, each byte; during a
                                  run too.
          split                   Cut the queue into shards, to be run by as many
                                  machines.
          merge                   Make one queue of all shards of a queue, done or not.
          forget-site             Give up an output folder that is lost, and put its
                                  jobs back.
          robots                  Show what a host's robots.txt says, and whether a URL
                                  is allowed.
          report                  Report on a queue's runs: as text, JSON, or a page in
                                  one file.
          serve                   Serve the web page of queues, whoever runs them,
                                  until Ctrl-C.

          See 'runner help <subcommand>' for detailed help.
        """

    private static let enqueue = """
        OVERVIEW: Add jobs to the queue; make the queue if there is none.

        A range is kept as a range: a hundred million IDs are added in milliseconds.
        A list (a URL a line, CSV, TSV, JSON Lines, a sitemap; gzip, zstd, bzip2 or xz
        read as they are) is kept line by line; all of it is queued, or nothing, but
        with --streaming, which queues lines as they come. A list that is a URL is
        fetched, and so are the sitemaps that an index names.
        It works while a run is going on; the run picks the new jobs up.

        EXAMPLES
          runner enqueue urls.txt.gz
          runner enqueue https://example.com/sitemap.xml
          runner enqueue shops.csv --key-column sku \\
            --url 'https://example.com/{country}/{sku}'
          producer | runner enqueue --streaming -i - & runner run --follow
          runner enqueue --range 0..100000000 \\
            --url 'https://api.example.com/items/{id}'
          runner enqueue --range 0..10000 --step 100 \\
            --url 'https://example.com/search?from={id}'
          runner enqueue --range 1...500 --queue pages.db \\
            --url 'https://example.com/?page={}'
          runner enqueue --range 0001..1000 --url 'https://example.com/{id:04}' \\
            -H 'Authorization: Bearer $TOKEN' --expand-env
          runner enqueue --range 0..1000 --url 'https://example.com/search?n={id}' \\
            --json-body '{"number": {id}}'
          runner enqueue --from-batch sitemap --changed --name again
          runner enqueue --range 0..1000000000 --shard "$JOB_COMPLETION_INDEX/100" \\
            --url 'https://api.example.com/items/{id}'

        USAGE: runner enqueue [<options>] [<list> ...]

        REQUESTS OF ANOTHER BATCH:
          --from-batch <batch>    Queue the requests of this batch once more, by ID or
                                  name: all of them, or those with --outcome.
          --outcome <outcomes>    Outcomes of the jobs: 200, 2xx, 404, timeout, ...,
                                  with commas between.
          --changed               Fetch what has changed since then, by the validators
                                  that run --keep-validators kept.

        LISTS:
          <list>                  Lists to queue as one batch: files, or URLs to fetch;
                                  - reads standard input.
          -i, --input <list>      The same as an argument.
          --input-format <format> How they are written (default: by name, type and
                                  first bytes). (values: lines, csv, tsv, jsonl,
                                  sitemap)
          --separator <character> What separates fields, where it is neither , nor ;
                                  nor a tab.
          --url-column <column>   The column of the URL (default: url).
          --key-column <column>   The column of a key of your own, which stands beside
                                  the ID.
          --keep <columns>        Columns to carry along to the output, with commas
                                  between.
          --rejects <file>        Write each line that cannot be queued here, with its
                                  number and why.
          --strict                Queue nothing when a line cannot be queued.
          --again                 Queue a list though it was queued before.
          --unique                Leave out lines whose request is in the queue
                                  already, in some list, or comes twice.
          --streaming             Queue lines as they come; an import that ended early
                                  can be gone on with.

        LISTS FROM A URL:
          -x, --proxy <url>       Go through this proxy, http://host:port; also https,
                                  socks4, socks4a, socks5, socks5h; '' for none
                                  (default: http_proxy, https_proxy, all_proxy in the
                                  environment).
          --proxy-user <user:password>
                                  Credentials for a proxy whose URL has none.
          --noproxy <list>        Hosts, domains and networks to reach without a proxy,
                                  with commas between; * for all (default: no_proxy in
                                  the environment).
          --no-proxy-env          Take no proxy or no_proxy from the environment.
          --allow-private         Follow redirects from public to private, loopback and
                                  link-local addresses, and names that change so.
          -k, --insecure          Accept any TLS certificate.
          --cacert <file>         Certificates (PEM) to trust instead of the system's.

        REQUESTS:
          -X, --request <method>  The method. (default: GET, or POST with a body)
          -d, --data <data>       A body name=value, or @FILE; several are joined with
                                  &.
          --data-binary <data>    A body, or @FILE, sent byte for byte.
          --json-body <json>      A body in JSON, or @FILE.

        HEADERS:
          -H, --header <header>   A header 'Name: value', or @FILE with one a line,
                                  read when a run starts; may be given several times.
          -A, --user-agent <name> The header User-Agent.
          -b, --cookie <name=value>
                                  The header Cookie, sent as given.
          -u, --user <user:password>
                                  Credentials for Basic authentication.
          --expand-env            Replace $NAME in headers when a run starts; the value
                                  is never stored.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --range <A..B>          IDs to fetch: A..B without B (A..<B is the same),
                                  A...B with it.
          --step <number>         Take each number-th ID of the range: 0..100 with 10
                                  is 0, 10, ..., 90.
          --shard <i/n>           Queue only this of the shards of the range, the first
                                  of five is 0/5; each in a queue of its own.
          --url <template>        Where to fetch an ID: {id} or {} stands for it,
                                  {id:08} with zeros in front; of a list, {column} for
                                  a field. (default: http://localhost:8080/{id})
          --name <name>           Call the batch by this name, which no other may have.
          --if-absent <name>      The same, but queue nothing when a batch has the name.
          --priority <number>     Batches of a higher priority are fetched first, -1000
                                  to 1000. (default: 0)
          --continue              Go on with a list behind what --streaming took of it;
                                  --name tells which, by ID or name.
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let run = """
        OVERVIEW: Fetch what is queued; resume where the last run stopped.

        Ends when every job is completed or failed. Ctrl-C (or SIGTERM) finishes the
        requests in flight and stops; a second one stops at once. Either way, and
        after kill -9, the next run resumes.

        A response of 2xx completes a job. 408, 425, 429, 5xx and network failures
        are tried again, with growing random waits and Retry-After honoured; other
        answers fail at once. --complete-on, --retry-on and --fail-on change that, for
        later runs, too.

        Bodies are dropped unless --output names a folder. Then each completed job
        has exactly one record there, whatever was killed; later runs need not name
        it again.

        EXAMPLES
          runner run --workers 1000
          runner run --output responses --format jsonl.gz
          runner run -w 200 --retries 5 --max-time 20 --queue pages.db
          runner run --complete-on 404 --retry-on 'body~try again later'

        USAGE: runner run <options>

        OUTPUT:
          -o, --output <folder>   Keep responses in this folder (default: as the last
                                  run did, else drop them).
          --format <jsonl|jsonl.gz|warc|files>
                                  How they are written (default: as the last run did,
                                  else jsonl).
          --rotate-size <bytes>   Seal a file at this size and begin the next (default:
                                  1G).
          --body/--no-body        Keep bodies (default: --body).
          --output-failures/--no-output-failures
                                  Write a record of failed jobs, too (default:
                                  --no-output-failures).
          --on-seal <command>     Run this by sh for each sealed file, $1, until it
                                  succeeds; not kept for later runs.
          --max-memory <bytes>    Bodies in memory at once; what goes beyond waits in a
                                  temporary file. (default: 256M)
          --min-free-disk <bytes> Stop when queue or output have less room than this
                                  (default: when there is none).

        JUDGING:
          --complete-on <list>    Answers that complete a job besides 2xx: 404, 4xx,
                                  500-504, with commas between; '' for none. Kept for
                                  later runs, as all of these.
          --retry-on <list>       What is tried again: statuses as above, reasons
                                  (timeout, network), type!=application/json,
                                  body~REGEX.
          --fail-on <list>        What fails a job at once; as with --retry-on.
          --retries <retries>     Attempts after a job's first (default: 3).
          --retry-delay <seconds> The most that a job waits before its first retry,
                                  doubled each time up to 60 s (default: 1).
          --retry-max-time <seconds>
                                  Try no job again so long after its first attempt; m,
                                  h or d may follow (default: 24h).
          --max-retry-after <seconds>
                                  The longest Retry-After that is honoured, 1h at most
                                  (default: 1h).

        HANDLING RESPONSES, AND FOLLOWING WHAT THEY LEAD TO:
          --handler <command>     Have each response handled by processes of this
                                  command, which speak JSON lines (docs/HANDLERS.md).
          --handlers <n>          Processes of --handler at once (default: one a core).
          --handler-timeout <seconds>
                                  The time that a handler may take for a response.
                                  (default: 60)
          --follow-found          Fetch the requests that --handler names, too, each
                                  once.
          --follow-links          Follow the links of pages of HTML.
          --follow-sitemaps       Follow the pages that sitemaps name, and the sitemaps
                                  that indexes name.
          --follow-match <regex>  Follow only URLs that this extended regular
                                  expression matches; may be repeated.
          --follow-skip <regex>   Follow no URLs that this matches; may be repeated.
          --next-link             Follow the next page that the header field Link names.
          --next-json <pointer>   Follow the next page that a JSON body names at this
                                  pointer: /paging/next.
          --next-url <url>        The URL that a value of --next-json is put into, as
                                  {}, where it is none itself.
          --each-json <pointer>   Follow each item that a JSON body lists at this
                                  pointer: '/items/*/id'.
          --each-url <url>        The URL that a value of --each-json is put into, as
                                  {}.
          --scope <reach>         Where what is followed may lead: below the same path
                                  (prefix), to the same host, domain, or any. (values:
                                  host, domain, prefix, any)
          --depth <n>             Follow so many steps from what was enqueued.
          --max-jobs <n>          Queue so many of the requests that the jobs of a
                                  batch lead to.
          --max-jobs-per-host <n> Queue so many of these of one host.

        LIMITS OF THIS RUN:
          --max-failures <n|p%>   Stop when so many jobs of this run have failed, or so
                                  many of a hundred.
          --run-time <seconds>    Stop after this time; m, h or d may follow.
          --until <hh:mm>         Stop when the clock next shows this time.
          --max-bytes <bytes>     Stop when so many bytes of bodies came; k, M and G
                                  may follow.

        REQUESTS:
          --connect-timeout <seconds>
                                  Until the connection stands, TLS included. (default:
                                  10)
          --max-time <seconds>    Until the response is whole, redirects included
                                  (default: 60, or none with a speed limit).
          --speed-limit <bytes>   The least bytes a second of a response (default:
                                  none; 1 with --speed-time).
          --speed-time <seconds>  How long a response may be slower (default: 30 with
                                  --speed-limit).
          --compressed            Ask for compressed bodies (the default).
          --raw                   Ask for no compression, and keep bodies as they come.
          --max-redirs <number>   Redirects followed for one job. (default: 10)
          --max-head <bytes>      The most bytes of a response's header lines; k may
                                  follow. (default: 300k)
          --max-body <bytes>      The most decoded bytes of a body; k, M and G may
                                  follow. (default: 16M)
          --on-large <what>       What to do with a larger body: cut it, or fail its
                                  job. (values: cut, fail; default: fail)
          -k, --insecure          Accept any TLS certificate.
          --cacert <file>         Certificates (PEM) to trust instead of the system's.
          --dns-servers <addresses>
                                  Name servers to ask instead of the system's, with
                                  commas between.
          --resolver <which>      Who looks names up: ares, without blocking, or the
                                  system's getaddrinfo. (values: ares, system; default:
                                  ares)

        HEADERS OF THIS RUN, IN PLACE OF THOSE ENQUEUED:
          -H, --header <header>   A header 'Name: value', or @FILE with one a line,
                                  read when a run starts; may be given several times.
          -A, --user-agent <name> The header User-Agent.
          -b, --cookie <name=value>
                                  The header Cookie, sent as given.
          -u, --user <user:password>
                                  Credentials for Basic authentication.
          --expand-env            Replace $NAME in headers when a run starts; the value
                                  is never stored.

        NETWORK:
          -x, --proxy <url>       Go through this proxy, http://host:port; also https,
                                  socks4, socks4a, socks5, socks5h; '' for none
                                  (default: http_proxy, https_proxy, all_proxy in the
                                  environment).
          --proxy-user <user:password>
                                  Credentials for a proxy whose URL has none.
          --noproxy <list>        Hosts, domains and networks to reach without a proxy,
                                  with commas between; * for all (default: no_proxy in
                                  the environment).
          --no-proxy-env          Take no proxy or no_proxy from the environment.
          --allow-private         Follow redirects from public to private, loopback and
                                  link-local addresses, and names that change so.
          --interface <name>      Connect from this interface, or from this address of
                                  the machine.
          --resolve <host:port:address[,address]>
                                  Connect to these addresses for a host and port; may
                                  be given several times.
          -4, --ipv4              Connect by IPv4 alone.
          -6, --ipv6              Connect by IPv6 alone.
          --http1.1               Do not offer HTTP/2 by HTTPS.
          --http2                 Offer HTTP/2 by HTTPS (the default).
          -E, --cert <file[:password]>
                                  A certificate (PEM) to show to servers that ask for
                                  one.
          --key <file>            The certificate's key, if it is in another file.

        POLITENESS:
          --per-host <n>          Requests in flight at once to one host; 0 for no
                                  bound. (default: 8 for lists of several hosts, none
                                  where all jobs have one)
          --rate <rate>           The most requests, of all runs of the queue together:
                                  500/s, 100/m, 5000/h or 100000/d.
          --host-rate <rate>      The most requests to one host, as --rate.
          --delay <seconds>       The time between two requests to one host, half as
                                  much more or less by chance.
          --limits <file>         A file of limits by host (docs/CLI.md).
          --no-adapt              Do not slow down for hosts that refuse requests: they
                                  are yours.
          --no-streak-stop        Go on when a host answers nothing but 401, 403 or 407.

        ROBOTS.TXT:
          --robots/--no-robots    Honour the robots.txt of all hosts, or of none
                                  (default: of public hosts, for lists of several).
          --contact <url or email>
                                  Where people reach you, in the header User-Agent.

        WEB PAGE AND METRICS:
          --http <[addr:]port>    Serve a web page and /metrics; 0 for any free port.
                                  By loopback, unless an address is given.
          --http-token-file <file>
                                  The token that lets people in, instead of a new one
                                  each time.
          --http-host <name>      A name by which people reach the page, beside
                                  localhost; may be given several times.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --metrics-file <file>   Write metrics to this file each 10 s, for
                                  node_exporter's textfile collector.
          --keep-validators       Keep ETag and Last-Modified, for: enqueue
                                  --from-batch --changed.
          -w, --workers <workers> Requests in flight at once. (default: 100)
          --grace <seconds>       How long a first Ctrl-C lets requests in flight
                                  finish. (default: 30)
          --max-stall <seconds>   Stop when the host was out of reach for so long.
                                  (default: 900)
          --batch <batch>         Work on this batch alone, by ID or name, until it is
                                  done.
          --follow                Stay when the queue is empty, for jobs to come.
          --idle-exit <seconds>   Stay for this long when the queue is empty; m or h
                                  may follow.
          --json                  Print the result as JSON.
          -q, --quiet             Show no progress.
          --log-format <format>   Lines of a log instead of a live view: text, or json
                                  with an object a line. (values: text, json)
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let status = """
        OVERVIEW: Show how many jobs stand where; during a run too.

        Reads totals that are kept, so it takes milliseconds however many jobs there
        are.

        EXAMPLES
          runner status
          runner status --watch
          runner status --json | jq .jobs.completed
          runner status --batch sitemap
          runner status --queue 'shards/*/runner.db'

        USAGE: runner status [--queue <file> ...] [--batch <batch>] [--json] [--watch]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db); of
                                  several files, given several times, or a pattern in
                                  quotes: 'shards/*/runner.db'.
          --batch <batch>         Only this batch, by ID or name.
          --json                  Print JSON; with --watch, a line each second.
          --watch                 Show it again each second, until everything is done.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let batches = """
        OVERVIEW: List the batches, a row each; during a run too.

        A batch is what one enqueue added. Its row has its ID, name, priority, IDs,
        requests, and how many of its jobs stand where. Rows come in the order the
        batches were enqueued.

        EXAMPLES
          runner batches
          runner batches --json | jq 'select(.jobs.failed > 0) | .batch'

        USAGE: runner batches [--queue <file> ...] [--json]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db); of
                                  several files, given several times, or a pattern in
                                  quotes: 'shards/*/runner.db'.
          --json                  Print JSON, a line a batch.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let failures = """
        OVERVIEW: Count or list the jobs that failed; during a run too.

        Counts come from totals that are kept, and take milliseconds; by host, or with
        --host or --range, jobs of lists are looked at one by one. With --list, a row
        a job as runner export writes it.

        EXAMPLES
          runner failures
          runner failures --by host --outcome timeout,connect
          runner failures --list --batch sitemap > failed.csv

        USAGE: runner failures [--queue <file> ...] [--by <what>] [--list] [--format <format>] [--outcome <outcomes> ...] [--host <host>] [--batch <batch>] [--range <A..B>] [--json]

        ONLY THESE JOBS:
          --outcome <outcomes>    Jobs that failed so: 404, 5xx, timeout, ..., with
                                  commas between or given several times.
          --host <host>           Jobs whose URL names this host: example.com,
                                  example.com:8443 or https://example.com.
          --batch <batch>         Jobs of this batch, by ID or name.
          --range <A..B>          Jobs with these IDs: A..B without B (A..<B is the
                                  same), A...B with it.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db); of
                                  several files, given several times, or a pattern in
                                  quotes: 'shards/*/runner.db'.
          --by <what>             Count by outcome, host or batch. (values: outcome,
                                  host, batch)
          --list                  List the jobs, a row each.
          --format <format>       What a row of --list is: a line of CSV, or JSON Lines
                                  (default: csv). (values: csv, jsonl)
          --json                  Print the counts as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let retry = """
        OVERVIEW: Put failed jobs back, to be fetched again; during a run too.

        Failed jobs that are selected become available, as if they had never been
        tried; the run that is going on takes them, or the next one. A job must meet
        all of the conditions given; --all is all failed jobs. Jobs of cancelled
        batches stay failed. Records of their failures stay in the output, and later
        ones supersede them. Killed half-way, the next retry or run does the rest.

        EXAMPLES
          runner retry --outcome 5xx,timeout
          runner retry --host api.example.com --batch sitemap
          runner retry --all --dry-run

        USAGE: runner retry [--queue <file>] [--outcome <outcomes> ...] [--host <host>] [--batch <batch>] [--range <A..B>] [--all] [--dry-run] [--json]

        ONLY THESE JOBS:
          --outcome <outcomes>    Jobs that failed so: 404, 5xx, timeout, ..., with
                                  commas between or given several times.
          --host <host>           Jobs whose URL names this host: example.com,
                                  example.com:8443 or https://example.com.
          --batch <batch>         Jobs of this batch, by ID or name.
          --range <A..B>          Jobs with these IDs: A..B without B (A..<B is the
                                  same), A...B with it.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --all                   All failed jobs.
          --dry-run               Count the jobs, and change nothing.
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let cancel = """
        OVERVIEW: Take back the jobs of a batch that are not started.

        Jobs that nobody fetches yet, and those that wait for a retry, become
        cancelled: they are never fetched, and count neither as failed nor as left to
        do. Jobs that a run has in hand end by themselves; what is done stays done.
        It works while a run is going on. Killed half-way, give it again.

        EXAMPLES
          runner cancel sitemap
          runner cancel 3 --queue pages.db

        USAGE: runner cancel [--queue <file>] <batch> [--json]

        ARGUMENTS:
          <batch>                 The batch, by ID or name.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let pause = """
        OVERVIEW: Hold the run back, and any later one; nothing is sent until resume.

        A run that is going on sees it within a second: the requests in flight end
        and count, and no more are sent. A run that is started waits. It is kept in
        the queue until: runner resume

        EXAMPLES
          runner pause
          runner pause --queue pages.db

        USAGE: runner pause [--queue <file>] [--json]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let resume = """
        OVERVIEW: Let a run that was paused go on.

        A run that is going on sends requests again within a second. To start one
        that was stopped, give: runner run

        EXAMPLES
          runner resume
          runner resume --queue pages.db

        USAGE: runner resume [--queue <file>] [--json]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let setLimits = """
        OVERVIEW: Give the run that is going on other limits, until its end.

        The run takes them in within a second. What is in flight beyond them ends by
        itself. Limits that are not given stay as they are; those of a file given with
        --limits come first, as in run. A later run knows nothing of it.

        EXAMPLES
          runner set --workers 50
          runner set --rate 100/s --per-host 4
          runner set --rate none

        USAGE: runner set [--queue <file>] [--workers <workers>] [--rate <rate>] [--host-rate <rate>] [--delay <seconds>] [--per-host <n>] [--json]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          -w, --workers <workers> Requests in flight at once, as many as the run began
                                  with at most.
          --rate <rate>           The most requests, of all runs of the queue together:
                                  500/s, 100/m, 5000/h or 100000/d; none lifts it.
          --host-rate <rate>      The most requests to one host, as --rate.
          --delay <seconds>       The time between two requests to one host, half as
                                  much more or less by chance; none lifts it.
          --per-host <n>          Requests in flight at once to one host; 0 for no
                                  bound.
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let export = """
        OVERVIEW: Write how each job stands, a row a job; during a run too.

        A row has a job's ID, batch, URL and state, the outcome of its last attempt (an
        HTTP status, or a reason such as timeout), and the key of its line in a list.
        Rows come in the order the jobs were enqueued. Bodies are not in them.

        The queue is read in parts, and nobody waits for it: during a run, rows are as
        of when their part was read.

        EXAMPLES
          runner export > jobs.csv
          runner export --state failed --outcome 404 --outcome timeout
          runner export --range 5000..6000 --format jsonl | jq .url
          runner export --queue 'shards/*/runner.db' > jobs.csv

        USAGE: runner export [--queue <file> ...] [--format <format>] [--state <state> ...] [--outcome <outcome> ...] [--range <A..B>]

        ONLY THESE JOBS:
          --state <state>         Jobs in this state; may be given several times.
                                  (values: available, running, retrying, completed,
                                  failed, cancelled)
          --outcome <outcome>     Jobs whose last attempt ended so: 200, 404, timeout,
                                  ...; may be given several times.
          --range <A..B>          Jobs with these IDs: A..B without B (A..<B is the
                                  same), A...B with it.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db); of
                                  several files, given several times, or a pattern in
                                  quotes: 'shards/*/runner.db'.
          --format <format>       What a row is: a line of CSV (RFC 4180, with a
                                  header) or JSON Lines. (values: csv, jsonl; default:
                                  csv)
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let verify = """
        OVERVIEW: Check the queue and its output, each byte; during a run too.

        Checks that the queue is whole, that each output file is what was written, and
        that each completed job is in the output exactly once. Nothing is changed.
        Shards of a queue are checked as that queue, over the folders of all.

        EXAMPLES
          runner verify
          runner verify --queue pages.db --output /mnt/copy/responses
          runner verify --queue 'shards/*/runner.db'

        USAGE: runner verify [--queue <file> ...] [--output <folder>] [--json]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db); of
                                  several files, given several times, or a pattern in
                                  quotes: 'shards/*/runner.db'.
          --output <folder>       The output's folder, if it is not where it was
                                  written.
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let report = """
        OVERVIEW: Report on a queue's runs: as text, JSON, or a page in one file.

        Shows how far the queue is, its latest runs with how each ended, and the
        requests, times and output. --html writes a page with charts of the whole
        course, outcomes, failures, hosts and settings; it is one file that needs no
        network and no scripts. During a run, too.

        EXAMPLES
          runner report
          runner report --html report.html
          runner report --html - --queue pages.db > report.html

        USAGE: runner report [--queue <file>] [--html <file>] [--json]

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --html <file>           Write a page to this file, or with - to standard
                                  output.
          --json                  Print JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let serve = """
        OVERVIEW: Serve the web page of queues, whoever runs them, until Ctrl-C.

        Shows queues that nobody runs, and those that other processes run: progress,
        outcomes, hosts, the latest failures and what the run tells of itself. Pauses,
        resumes, drains, sets limits and puts failed jobs back. With several queues, or
        a folder of them, a list comes first.

        The link that is printed lets its owner in. Also served are /metrics in the
        format of Prometheus, /healthz and /readyz.

        EXAMPLES
          runner serve
          runner serve --http 8090 --queue pages.db --queue images.db
          runner serve --queue /srv/queues

        USAGE: runner serve [--queue <file> ...] [--http <[addr:]port>] [--http-token-file <file>] [--http-host <name> ...]

        OPTIONS:
          --queue <file>          A queue's file or URL, or a folder whose .db files
                                  are queues; may be given several times (default:
                                  $RUNNER_QUEUE, else ./runner.db).
          --http <[addr:]port>    Serve a web page and /metrics; 0 for any free port.
                                  By loopback, unless an address is given.
          --http-token-file <file>
                                  The token that lets people in, instead of a new one
                                  each time.
          --http-host <name>      A name by which people reach the page, beside
                                  localhost; may be given several times.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let robots = """
        OVERVIEW: Show what a host's robots.txt says, and whether a URL is allowed.

        Asks for it as a run does, and shows the rules that hold for runner (or for
        another name), the delay between requests that the host asks for, and its
        sitemaps. No queue is needed.

        EXAMPLES
          runner robots https://example.com/
          runner robots https://example.com/shop?page=2 --agent examplebot
          runner robots https://example.com/ --json | jq -r '.sitemaps[]'

        USAGE: runner robots <url> [--agent <name>] [--proxy <url>] [--proxy-user <user:password>] [--noproxy <list>] [--no-proxy-env] [--allow-private] [--insecure] [--cacert <file>] [--json]

        ARGUMENTS:
          <url>                   A URL of the host.

        NETWORK:
          -x, --proxy <url>       Go through this proxy, http://host:port; also https,
                                  socks4, socks4a, socks5, socks5h; '' for none
                                  (default: http_proxy, https_proxy, all_proxy in the
                                  environment).
          --proxy-user <user:password>
                                  Credentials for a proxy whose URL has none.
          --noproxy <list>        Hosts, domains and networks to reach without a proxy,
                                  with commas between; * for all (default: no_proxy in
                                  the environment).
          --no-proxy-env          Take no proxy or no_proxy from the environment.
          --allow-private         Follow redirects from public to private, loopback and
                                  link-local addresses, and names that change so.
          -k, --insecure          Accept any TLS certificate.
          --cacert <file>         Certificates (PEM) to trust instead of the system's.

        OPTIONS:
          --agent <name>          The name to look for in robots.txt. (default: runner)
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let split = """
        OVERVIEW: Cut the queue into shards, to be run by as many machines.

        Each shard is a queue of its own, in a folder of its own: DIR/0/runner.db and
        so on. IDs, URLs and records are as in the whole; what is done is not done
        again, and what was begun goes on in its shard. The queue itself is not
        worked on any more; its output stays where it is. No run may be going on.

        Killed half-way, it has left the queue as it was, or all shards: give the
        same command again.

        EXAMPLES
          runner split --into 20 --dir shards
          runner run --queue shards/0/runner.db --output shards/0/responses
          runner status --queue 'shards/*/runner.db'
          runner merge --queue all.db 'shards/*/runner.db'

        USAGE: runner split [--queue <file>] --into <number> --dir <folder> [--json]

        OPTIONS:
          --queue <file>          The queue's file (default: $RUNNER_QUEUE, else
                                  ./runner.db).
          --into <number>         The number of shards.
          --dir <folder>          The folder to make them in.
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let merge = """
        OVERVIEW: Make one queue of all shards of a queue, done or not.

        The shards are those of a split, or of enqueue --shard; all must be named,
        and no run may work on one. What is not done can be done with the merged
        queue: run that from then on, and none of the shards. Responses stay in the
        shards' folders; runner verify checks that each job is in one of them.

        The shards are only read, but for their outputs: what a killed or failed run
        has left there is cut off, and the last file is sealed. The merged queue is
        there once it is whole.

        EXAMPLES
          runner merge --queue all.db 'shards/*/runner.db'
          runner verify --queue all.db

        USAGE: runner merge [--queue <file>] <shard> ... [--json]

        ARGUMENTS:
          <shard>                 The shards' files, or patterns of them in quotes.

        OPTIONS:
          --queue <file>          The queue's file (default: $RUNNER_QUEUE, else
                                  ./runner.db).
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """

    private static let forgetSite = """
        OVERVIEW: Give up an output folder that is lost, and put its jobs back.

        Without a name, lists the output folders of the queue. With one, says how many
        completed jobs have their records in that folder alone; with --yes, exactly
        these become available again, as if they had never been tried, and the queue
        forgets the folder. They are found by reading all other folders, as verify
        does, so these must be here, whole: name the place of a copy with --folder.
        Runs that write to other folders may go on. Killed half-way, give it again.

        EXAMPLES
          runner forget-site
          runner forget-site /mnt/disk2/responses
          runner forget-site 2 --folder 0=/mnt/a --folder 1=/mnt/b --yes

        USAGE: runner forget-site [--queue <file>] [<site> ...] [--folder <site=folder> ...] [--yes] [--json]

        ARGUMENTS:
          <site>                  The output folders that are lost, by number or name.

        OPTIONS:
          --queue <file>          The queue's file, or postgres://user@host/database
                                  (default: $RUNNER_QUEUE, else ./runner.db).
          --folder <site=folder>  The place where another output folder is now, by its
                                  number; repeatable.
          --yes                   Do it. Without, nothing is changed.
          --json                  Print the result as JSON.
          --version               Show the version.
          -h, --help              Show help information.

        """
}
