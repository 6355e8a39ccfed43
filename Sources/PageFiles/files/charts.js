// Charts on canvases. Each has its text: an aria-label that says what it shows.
import { $, count, duration, micros } from './tables.js';

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
const LEFT = 52, FOOT = 16;

// The members of a point of the course, as the server lists them.
export const AT = 0, SECONDS = 1, COMPLETED = 2, RETRIED = 3, FAILED = 4, BYTES = 5, P50 = 7, P99 = 8, SIZES = 9;

function canvas(id) {
  const node = $(id), ratio = devicePixelRatio, width = node.clientWidth, height = +node.dataset.height || (node.dataset.height = node.getAttribute('height'), +node.dataset.height);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (node.width !== w || node.height !== h) { node.width = w; node.height = h; node.style.height = `${height}px`; }
  const g = node.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = '12px system-ui, "DejaVu Sans", sans-serif';
  return [g, width, height, node];
}

/// The time shown in s, of a span at most: a young run fills the chart, too.
function shown(points, span) {
  if (!points.length) return span;
  const known = points[points.length - 1][AT] - points[0][AT] + points[0][SECONDS];
  return Math.min(span, Math.max(span / 10, known));
}

/// The ends of the time shown.
function times(points, span) {
  const end = points.length ? points[points.length - 1][AT] : 0;
  return [end - span, end];
}

function footer(g, w, h, span) {
  g.fillStyle = colour('dim');
  g.fillText(`−${duration(span)}`, LEFT, h - 3);
  g.fillText('now', w - 26, h - 3);
}

export function rateChart(points, spanMax, events) {
  const span = shown(points, spanMax);
  const [g, w, h, node] = canvas('rate-chart');
  const perSecond = (p, k) => p[k] / Math.max(p[SECONDS], 0.001);
  const sums = points.map(p => perSecond(p, COMPLETED) + perSecond(p, RETRIED) + perSecond(p, FAILED));
  const top = Math.max(1, ...sums) * 1.1, [from, to] = times(points, span);
  const x = at => LEFT + (w - LEFT) * (at - from) / span, y = v => h - FOOT - (h - FOOT - 8) * v / top;
  g.strokeStyle = colour('line');
  g.fillStyle = colour('dim');
  for (let i = 0; i <= 3; i++) {
    g.beginPath(); g.moveTo(LEFT, y(top * i / 3)); g.lineTo(w, y(top * i / 3)); g.stroke();
    g.fillText(top < 10 ? (top * i / 3).toFixed(1) : count(top * i / 3), 0, y(top * i / 3) + 4);
  }
  let base = points.map(() => 0);
  for (const [member, name] of [[COMPLETED, 'ok'], [RETRIED, 'warn'], [FAILED, 'bad']]) {
    const next = points.map((p, i) => base[i] + perSecond(p, member));
    g.beginPath();
    points.forEach((p, i) => g.lineTo(x(p[AT]), y(next[i])));
    for (let i = points.length; i--;) g.lineTo(x(points[i][AT]), y(base[i]));
    g.fillStyle = colour(name); g.globalAlpha = 0.8; g.fill(); g.globalAlpha = 1;
    base = next;
  }
  g.fillStyle = colour('mark');
  for (const event of events) {
    const at = event.at_us / 1e6;
    if (at >= from && at <= to) g.fillRect(Math.round(x(at)), 2, 2, h - FOOT - 2);
  }
  footer(g, w, h, span);
  const last = points.length ? sums[sums.length - 1] : 0;
  node.setAttribute('aria-label', points.length ? `Attempts a second in the last ${duration(span)}: ${count(last)} now, ${count(Math.max(...sums))} at most` : 'Attempts a second: no data yet');
}

/// The sizes end at powers of two from 1.024 ms on: one row each.
export function heatmap(points, spanMax) {
  const span = shown(points, spanMax);
  const [g, w, h, node] = canvas('heat');
  const [from] = times(points, span), size = (points[0]?.[SIZES].length) ?? 18, row = (h - FOOT) / size;
  const most = Math.max(1, ...points.flatMap(p => p[SIZES].map(c => c / Math.max(p[SECONDS], 0.001))));
  const x = at => LEFT + (w - LEFT) * (at - from) / span;
  g.fillStyle = colour('run');
  for (const p of points) {
    const [a, b] = [Math.max(LEFT, x(p[AT] - p[SECONDS])), x(p[AT])];
    p[SIZES].forEach((c, i) => {
      if (!c) return;
      g.globalAlpha = 0.08 + 0.8 * Math.sqrt(c / Math.max(p[SECONDS], 0.001) / most);
      g.fillRect(a, h - FOOT - (i + 1) * row, Math.max(1, b - a + 0.3), row - 0.5);
    });
  }
  g.globalAlpha = 1;
  g.fillStyle = colour('dim');
  [[0, '1 ms'], [3, '8 ms'], [6, '66 ms'], [9, '0.5 s'], [12, '4 s'], [15, '34 s']].forEach(([i, text]) => g.fillText(text, 0, h - FOOT - (i + 1) * row + 4));
  const level = v => h - FOOT - row * Math.min(size, Math.max(0, Math.log2(Math.max(v, 1) / 1024) + 1));
  for (const [member, name] of [[P50, 'ink'], [P99, 'bad']]) {
    g.beginPath(); g.strokeStyle = colour(name); g.lineWidth = 1.5;
    let open = false;
    for (const p of points) {
      if (!p[member]) { open = false; continue; }
      if (open) g.lineTo(x(p[AT]), level(p[member])); else g.moveTo(x(p[AT]), level(p[member]));
      open = true;
    }
    g.stroke();
  }
  g.lineWidth = 1;
  footer(g, w, h, span);
  const last = [...points].reverse().find(p => p[P50]);
  node.setAttribute('aria-label', last ? `Time of attempts of late: half take ${micros(last[P50])} at most, 99 % take ${micros(last[P99])} at most` : 'Time of attempts: no data yet');
}

export function retriesChart(periods, seconds) {
  const [g, w, h, node] = canvas('retries');
  const top = Math.max(1, ...periods), width = w / Math.max(1, periods.length);
  g.fillStyle = colour('warn');
  periods.forEach((c, i) => g.fillRect(i * width, h - h * c / top, Math.max(1, width - 1), h * c / top));
  const sum = periods.reduce((a, c) => a + c, 0);
  node.setAttribute('aria-label', sum ? `Retries due in the next ${duration(periods.length * seconds)}: ${count(sum)}, of which ${count(periods[0])} within ${seconds} s` : 'Retries due: none');
}
