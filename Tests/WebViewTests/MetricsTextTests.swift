import Runner
import Testing

@testable import WebView

@Suite struct MetricsTextTests {
    private func lines(_ queues: [SampleQueue], isOwnProcess: Bool = true) -> [String] {
        MetricsText.text(of: queues, version: "1.2", isOwnProcess: isOwnProcess)
            .split(separator: "\n").map(String.init)
    }

    @Test func figures_areThoseOfTheSample() {
        let queue = SampleQueue {
            $0.startedAtMicros = 1_500_000
            $0.output = .init(
                folder: "/o", format: "jsonl", fileCount: 1, files: [], records: 8, bytes: 900,
                freeBytes: nil, keepsFailures: false)
        }
        queue.monitor.add(SampleQueue.sample())
        let lines = lines([queue])
        for line in [
            "runner_build_info{version=\"1.2\"} 1", "runner_jobs{state=\"completed\"} 60",
            "runner_jobs{state=\"available\"} 32", "runner_run_state{state=\"running\"} 1",
            "runner_run_state{state=\"paused\"} 0", "runner_paused 0",
            "runner_run_start_time_seconds 1.5", "runner_output_bytes 900",
            "runner_attempt_duration_seconds_bucket{le=\"0.001024\"} 0",
            "runner_attempt_duration_seconds_bucket{le=\"67.108864\"} 0",
            "runner_attempt_duration_seconds_bucket{le=\"+Inf\"} 0",
            "runner_attempt_duration_seconds_count 0", "process_cpu_seconds_total 0",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(!lines.contains { $0.hasPrefix("runner_output_disk_free_bytes") })
        #expect(!lines.contains { $0.contains("/o") }, "a folder is nobody's business")
        #expect(!lines.contains { $0.hasPrefix("runner_found_") }, "nothing is followed")
    }

    @Test func whatARunFinds_isCountedByAFewLabels() {
        let queue = SampleQueue()
        queue.monitor.add(SampleQueue.sample(followed: SampleQueue.followed))
        let lines = lines([queue]).filter { $0.hasPrefix("runner_found_") }
        for line in [
            "runner_found_requests_total{result=\"added\"} 12",
            "runner_found_requests_total{result=\"known\"} 34",
            "runner_found_requests_total{result=\"scope\"} 5",
            "runner_found_requests_total{result=\"host_full\"} 6",
            "runner_found_requests_total{result=\"trap\"} 0", "runner_found_depth 3",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.count == 3 + FollowCut.allCases.count)
    }

    @Test func eachName_isTypedOnce_andItsLinesFollow() {
        let queues = [SampleQueue(title: "a\"\\\n"), SampleQueue(title: "b")]
        for queue in queues { queue.monitor.add(SampleQueue.sample()) }
        let lines = lines(queues, isOwnProcess: false)
        var typed: [String] = []
        for line in lines {
            if line.hasPrefix("# TYPE ") {
                typed.append(String(line.split(separator: " ")[2]))
            } else if !line.hasPrefix("#") {
                let name = line.prefix { $0 != "{" && $0 != " " }
                #expect(typed.last.map { name.hasPrefix($0) } ?? false, "\(line)")
            }
        }
        #expect(Set(typed).count == typed.count)
        #expect(lines.contains(#"runner_jobs{queue="a\"\\\n",state="failed"} 3"#))
        #expect(lines.contains(#"runner_jobs{queue="b",state="failed"} 3"#))
        #expect(!lines.contains { $0.hasPrefix("process_") })
    }

    @Test func aQueueThatNobodyRuns_hasJobsAndNoRun() {
        let queue = SampleQueue {
            $0.pid = nil
            $0.state = .idle
        }
        queue.monitor.add(SampleQueue.sample())
        let lines = lines([queue])
        #expect(lines.contains("runner_run_state{state=\"idle\"} 1"))
        #expect(lines.contains("runner_jobs{state=\"completed\"} 60"))
        #expect(!lines.contains { $0.hasPrefix("runner_workers ") })
    }
}
