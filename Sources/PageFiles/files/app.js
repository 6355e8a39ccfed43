import { AT, BYTES, SECONDS, heatmap, rateChart, retriesChart } from './charts.js';
import { $, bar, bytes, clock, count, duration, element, micros, notice, rate, rows, setText, signIn, state } from './tables.js';

const SPANS = { 'seconds': 300, 'ten-seconds': 3600, 'minutes': 86400 };
let last = null, points = [], span = 'seconds', sort = 'busiest', filter = null;
let failures = [], failuresSeen = '', events = [], before = null, filled = false;

// ---- What the page shows

function show(now) {
  before = last; last = now;
  setText($('queue'), now.queue);
  state(now.state === 'idle' && now.paused ? 'idle, paused' : now.state);
  const parts = [`runner ${now.version}`];
  if (now.pid) parts.unshift(`process ${now.pid}`);
  if (now.run) parts.unshift(duration(now.run.elapsed_us / 1e6));
  setText($('when'), parts.join(', '));
  notice(now.unreadable || (now.run?.troubles.length ? `Out of reach: ${now.run.troubles.join('; ')}` : null));
  showProgress(now);
  showControls(now);
  showTiles(now);
  showOutcomes(now);
  showFollowing(now);
  showHosts(now);
  showTime(now);
  showOutput(now);
  showEvents(now);
  if (now.point && span === 'seconds' && now.point[AT] > (points[points.length - 1]?.[AT] ?? 0)) {
    points.push(now.point);
    if (points.length > SPANS.seconds) points.shift();
  }
  draw();
  // Once the run is over, nobody answers any longer.
  if (now.state !== 'ended') loadFailures(now).catch(() => { failuresSeen = ''; });
}

function draw() {
  rateChart(points, SPANS[span], events);
  heatmap(points, SPANS[span]);
  retriesChart(last?.retries_due ?? [], last?.retry_period_s ?? 10);
}

function showProgress(now) {
  if (!now.jobs) return;
  const { total, available, running, retrying, completed, failed, cancelled } = now.jobs, wanted = total - cancelled;
  const percent = wanted ? Math.floor(1000 * (completed + failed) / wanted) / 10 : 100;
  setText($('percent'), `${percent.toFixed(1)} % of ${count(wanted)} jobs${now.run?.followed ? ' known so far' : ''}`);
  document.title = `${percent.toFixed(1)} % ${now.queue} – runner`;
  const all = [['completed', completed, 'ok'], ['failed', failed, 'bad'], ['retrying', retrying, 'warn'], ['running', running, 'run'], ['available', available, 'rest']];
  if (cancelled) all.push(['cancelled', cancelled, 'dim']);
  bar($('bar'), $('legend'), all);
}

function showControls(now) {
  const isLive = Boolean(now.run) && now.state !== 'ended';
  for (const id of ['workers', 'rate', 'per-host', 'host-rate']) $(id).disabled = !isLive;
  $('limits').querySelector('button').disabled = !isLive;
  $('drain').disabled = !now.can_drain || now.state === 'ended';
  $('pause').disabled = now.state === 'ended' || now.state === 'starting' || now.state === 'unreadable';
  setText($('pause'), now.paused ? 'Resume' : 'Pause');
  if (now.run && !filled) {
    filled = true;
    $('workers').placeholder = `up to ${now.run.workers_max}`;
  }
}

function tile(name, big, small) {
  let node = document.querySelector(`#tiles [data-name="${name}"]`);
  if (!node) {
    node = element('div');
    node.dataset.name = name;
    node.append(element('dt', name), element('dd', '', 'big'), element('dd', '', 'small'));
    $('tiles').append(node);
  }
  setText(node.children[1], big);
  setText(node.children[2], small);
}

function showTiles(now) {
  const run = now.run;
  if (!run) { $('tiles').replaceChildren(); return; }
  tile('now', `${rate(run.rate_now)}/s`, `average ${rate(run.rate_average)}/s`);
  const [from, to] = now.left_s ?? [];
  const isNarrow = from !== undefined && to - from < Math.max(1, from / 10);
  tile('left', from === undefined ? '–' : isNarrow ? duration(from) : `${duration(from)} – ${duration(to)}`,
    from === undefined ? 'nothing moves' : run.followed ? 'for the jobs known so far' : to < 86400 * 300 ? `ends about ${new Date(now.at_us / 1000 + (from + to) * 500).toLocaleString('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' })}` : '');
  tile('in flight', count(run.in_flight), `of ${count(run.workers)} workers${run.rate_max ? `, ${rate(run.rate_max)}/s at most` : ''}`);
  tile('half take', micros(run.recent?.p50_us), `99 % ${micros(run.recent?.p99_us)}`);
  const ended = run.attempts.reduce((sum, a) => sum + a.count, 0), bad = run.attempts.reduce((sum, a) => a.state === 'completed' ? sum : sum + a.count, 0);
  tile('unsuccessful', ended ? `${(100 * bad / ended).toFixed(1)} %` : '–', `${count(bad)} of ${count(ended)} attempts`);
  tile('received', now.point ? `${bytes(now.point[BYTES] / Math.max(now.point[SECONDS], 0.001))}/s` : '–', `${bytes(run.received_bytes)} in all`);
  tile('memory', bytes(run.resident_bytes), `${count(run.requests)} requests`);
  tile('CPU', run.requests ? `${Math.round(run.cpu_us / run.requests)} µs` : '–', `a request; commits ${micros(run.commits?.p50_us)}`);
}

function showOutcomes(now) {
  const earlier = new Map((before?.outcomes ?? []).map(o => [`${o.state} ${o.outcome}`, o.count]));
  const seconds = before?.at_us ? (now.at_us - before.at_us) / 1e6 : 0;
  rows($('outcomes'), now.outcomes ?? [], o => `${o.state} ${o.outcome}`, o => {
    const then = earlier.get(`${o.state} ${o.outcome}`) ?? 0;
    return [
      { button: o.outcome, label: `show failures of outcome ${o.outcome} alone`, pressed: filter === o.outcome, act: () => choose(o.outcome) },
      o.state, count(o.count), seconds > 0 ? rate(Math.max(0, (o.count - then) / seconds)) : '–',
      o.state === 'failed' && o.outcome !== 'other' ? { button: 'retry', label: `put back the jobs that failed with ${o.outcome}`, act: () => act('retry', { outcome: o.outcome }) } : '',
    ];
  });
}

function choose(outcome) {
  filter = filter === outcome ? null : outcome;
  for (const row of $('outcomes').rows) {
    const button = row.cells[0].firstElementChild;
    button.setAttribute('aria-pressed', String(button.textContent === filter));
  }
  showFailures();
}

async function loadFailures(now) {
  const seen = `${now.failure_count} ${now.last_failure_us}`;
  if (seen === failuresSeen) return;
  failuresSeen = seen;
  const answer = await fetch('failures');
  if (answer.ok) failures = await answer.json();
  showFailures();
}

function showFailures() {
  setText($('filter'), filter ? `of outcome ${filter} alone` : '');
  $('all-failures').hidden = !filter;
  const shown = failures.filter(f => !filter || f.outcome === filter).slice(0, 50);
  $('no-failures').hidden = shown.length > 0;
  setText($('no-failures'), `none seen${filter ? ' of this outcome' : ''}`);
  setText($('all-command'), `runner failures --list${filter && filter !== 'other' ? ` --outcome ${filter}` : ''}${last?.queue_option ?? ''}`);
  setText($('job-command'), `runner export --range ${shown[0]?.id ?? 0}...${shown[0]?.id ?? 0}${last?.queue_option ?? ''}`);
  const output = last?.output;
  setText($('records'), !output ? 'responses are not kept' : output.keeps_failures ? `the records of those that failed for good are in the files of ${output.folder}` : 'jobs that fail leave no record (run --output-failures keeps them)');
  rows($('failures'), shown, f => `${f.batch} ${f.id} ${f.attempt}`, f => [
    count(f.id), f.outcome, `${f.attempt}${f.retried ? ', again later' : ''}`, clock(f.at_us),
    { text: f.url, wide: true }, { text: f.message, wide: true },
  ]);
}

const REASONS = { malformed: 'no requests', scope: 'out of scope', skipped: 'by --follow-match or --follow-skip', nofollow: 'nofollow', many: 'too many of one response', trap: 'traps', depth: 'beyond --depth', credentials: 'credentials of another host', full: 'beyond --max-jobs, or cancelled', host_full: 'beyond --max-jobs-per-host' };

function showFollowing(now) {
  const followed = now.run?.followed;
  $('following').hidden = !followed;
  if (!followed) return;
  const left = followed.left_out.reduce((sum, each) => sum + each.count, 0);
  setText($('found'), `${count(followed.depth)} ${followed.depth === 1 ? 'step' : 'steps'} from what was enqueued`);
  bar($('follow-bar'), $('follow-legend'), [['queued', followed.added, 'ok'], ['were there', followed.known, 'run'], ['left out', left, 'dim']]);
  setText($('left-out'), followed.left_out.map(each => `${count(each.count)} ${REASONS[each.reason] ?? each.reason}`).join(', ') || 'none');
}

function showHosts(now) {
  const hosts = now.run?.hosts ?? [];
  setText($('host-count'), now.run ? `${count(hosts.length)} of ${count(now.run.host_count)}` : '');
  const value = { busiest: h => h.in_flight * 1e6 + h.rate, slowest: h => h.p99_us ?? -1, failing: h => h.attempts ? h.failures / h.attempts : 0 }[sort];
  rows($('hosts'), [...hosts].sort((a, b) => value(b) - value(a)).slice(0, 25), h => h.host, h => [
    { text: h.host, wide: true }, rate(h.rate), count(h.in_flight), count(h.waiting), micros(h.p50_us), micros(h.p99_us),
    h.attempts ? `${(100 * h.failures / h.attempts).toFixed(1)} %` : '–', { text: held(h, now), wide: true },
  ]);
}

function held(host, now) {
  const words = { ok: '', slowed: 'it pushes back', resting: 'it is left alone', unreachable: 'out of reach', denied: 'it denies access' };
  const parts = [words[host.state] ?? host.state];
  if (host.message) parts.push(host.message);
  if (host.rate_max) parts.push(`${rate(host.rate_max)}/s at most`);
  if (host.until_us > now.at_us) parts.push(`for ${duration((host.until_us - now.at_us) / 1e6)}`);
  return parts.filter(Boolean).join(', ') || 'nothing';
}

function showTime(now) {
  const time = now.run?.time;
  if (!time) return bar($('time'), $('time-legend'), []);
  const names = [['server', 'waiting for servers', 'run'], ['connecting', 'connecting', 'warn'], ['resolving', 'looking names up', 'mark'], ['held', 'held back by hosts', 'bad'], ['queue', 'waiting for the queue', 'dim'], ['disk', 'waiting for the disk', 'ink'], ['idle', 'without a job', 'rest']];
  const total = names.reduce((sum, [key]) => sum + time[key], 0) || 1;
  bar($('time'), $('time-legend'), names.filter(([key]) => time[key] > 0).map(([key, name, cls]) => [name, time[key], cls, `${(100 * time[key] / total).toFixed(1)} %`]));
}

function showOutput(now) {
  const output = now.output;
  setText($('output-total'), output ? `${output.folder}${output.folder_count > 1 ? ` and ${count(output.folder_count - 1)} more` : ''} (${output.format}): ${count(output.file_count)} files, ${count(output.records)} records, ${bytes(output.bytes)}; ${bytes(output.free_bytes)} free` : 'responses are not kept');
  rows($('output'), output?.files ?? [], f => f.name, f => [{ text: f.name, wide: true }, count(f.records), bytes(f.bytes), f.sealed ? 'sealed' : 'being written']);
}

function showEvents(now) {
  const newest = events[events.length - 1]?.number ?? 0;
  // Another run counts anew.
  if ((now.events[now.events.length - 1]?.number ?? 0) < newest) { events = []; $('events').replaceChildren(); }
  for (const event of now.events) {
    if (event.number <= (events[events.length - 1]?.number ?? 0)) continue;
    events.push(event);
    const item = element('li', undefined, event.level), time = element('time', clock(event.at_us));
    time.dateTime = new Date(event.at_us / 1000).toISOString();
    item.append(time, event.text);
    $('events').prepend(item);
  }
  while (events.length > 200) { events.shift(); $('events').lastChild.remove(); }
}

// ---- What people ask for

async function act(name, values = {}) {
  setText($('said'), '…');
  try {
    const answer = await fetch(`do/${name}`, { method: 'POST', body: new URLSearchParams(values) });
    const isJSON = answer.headers.get('content-type') === 'application/json';
    const result = isJSON ? await answer.json() : { error: await answer.text() };
    setText($('said'), result.text ?? result.error);
    $('command-line').hidden = !result.command;
    setText($('command'), result.command ?? '');
  } catch {
    setText($('said'), 'no answer: the program has ended, or the network is gone');
  }
}

$('limits').addEventListener('submit', event => {
  event.preventDefault();
  const values = {};
  for (const id of ['workers', 'rate', 'per-host', 'host-rate']) if ($(id).value.trim()) values[id] = $(id).value.trim();
  if (Object.keys(values).length) act('limit', values);
  else setText($('said'), 'fill in what is to change');
});
$('pause').addEventListener('click', () => act(last?.paused ? 'resume' : 'pause'));
$('drain').addEventListener('click', () => { if (confirm('Finish the requests in flight and end the run?')) act('drain'); });
$('all-failures').addEventListener('click', () => { choose(filter); $('h-failures').scrollIntoView(); });

function press(group, chosen) {
  for (const button of group) button.setAttribute('aria-pressed', String(button === chosen));
}
const spans = [...document.querySelectorAll('[data-span]')], sorts = [...document.querySelectorAll('[data-sort]')];
for (const button of spans) button.addEventListener('click', async () => { press(spans, button); span = button.dataset.span; await loadHistory(); });
for (const button of sorts) button.addEventListener('click', () => { press(sorts, button); sort = button.dataset.sort; if (last) showHosts(last); });
addEventListener('resize', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

// ---- What the server tells

async function loadHistory() {
  const wanted = span, answer = await fetch(`history/${wanted}`);
  if (!answer.ok) return answer.status;
  const got = await answer.json();
  if (wanted === span) { points = got; draw(); }
  return answer.status;
}

function listen() {
  const source = new EventSource('events');
  source.onmessage = message => {
    show(JSON.parse(message.data));
    if (last.state === 'ended') source.close();
  };
  source.onerror = () => {
    if (last?.state === 'ended') return;
    state('lost');
    notice('No connection: the run has ended, or the network is gone.');
    source.close();
    setTimeout(start, 3000);
  };
}

async function start() {
  try {
    const status = await loadHistory();
    if (status === 401) {
      state('locked');
      notice('Open the link that the program has printed: it holds the token that lets you in.');
      return;
    }
    listen();
  } catch {
    setTimeout(start, 3000);
  }
}

setInterval(() => { if (span !== 'seconds' && last && last.state !== 'ended') loadHistory().catch(() => {}); }, 10000);
await signIn();
start();
