import JobStore
import Runner
import Stores

/// Notes the title of each page of a site, and follows its links.
struct TitleHandler: ResponseHandler {
    let concurrency = 4
    let timeLimit = Duration.seconds(10)

    func handle(_ record: Record) async throws -> Handled {
        let page = String(decoding: try record.capture.body.whole(of: record), as: UTF8.self)
        var handled = Handled()
        if let title = page.firstMatch(of: /<title>([^<]*)/)?.1 {
            handled.add(json: "{\"title\":\"\(title)\"}".utf8)
        }
        for link in page.matches(of: /href="([^"?]*)"/) {
            handled.follow.append(FollowRequest(String(link.1)))
        }
        return handled
    }
}

/// Fetches all pages of a site that its first page leads to, and goes on where it was stopped.
func crawlSite(_ firstPage: String, into folder: String) async throws -> QueueCounts {
    let queue = try openQueue(at: "\(folder)/site.db", makesMissing: true)
    do {
        let request = try RequestTemplate(parsing: firstPage + "?start={id}")
        _ = try await queue.enqueue(
            .range(JobRange(first: 0, count: 1), request), as: BatchLabel(key: "site"))
        var options = CrawlOptions()
        options.follow = FollowOptions()
        options.follow?.depthMax = 50
        var output = OutputOptions()
        output.folder = "\(folder)/pages"
        let crawl = try Crawl(queue: queue, options: options, handler: TitleHandler())
        _ = try await crawl.run(to: .files(output))
        let counts = try await queue.counts()
        await queue.close()
        return counts
    } catch {
        await queue.close()
        throw error
    }
}
