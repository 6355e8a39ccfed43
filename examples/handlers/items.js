// The items of an API's pages, and the next page. Node 18 or later, nothing else.
const lines = require('readline').createInterface({ input: process.stdin });

lines.on('line', (line) => {
  const page = JSON.parse(line);
  const answer = { request: page.request };
  const content = JSON.parse(page.body);
  if (content.busy) {
    answer.verdict = { retry_after: 30 };
  } else {
    answer.records = content.items;
    if (content.next) answer.follow = [{ url: content.next, key: `page ${content.page + 1}` }];
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
});
