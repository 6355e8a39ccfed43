// Text, tables and bars. What a server sent becomes text nodes alone, never markup.

export const $ = id => document.getElementById(id);

export function element(tag, text, cls) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (cls) made.className = cls;
  return made;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const count = v => v === undefined || v === null ? '–' : Math.round(v).toLocaleString('en');

export const rate = v => v >= 10 || v === 0 ? count(v) : v >= 0.1 ? v.toFixed(1) : v.toFixed(3);

/// A time in µs.
export function micros(v) {
  if (v === undefined || v === null) return '–';
  if (v < 1000) return `${Math.round(v)} µs`;
  if (v < 1e6) return `${(v / 1000).toFixed(v < 1e5 ? 1 : 0)} ms`;
  return duration(v / 1e6);
}

/// A time in s.
export function duration(s) {
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  const whole = Math.round(s), two = v => String(v).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two(Math.floor(whole / 60) % 60)}m`;
  if (whole < 86400 * 1000) return `${Math.floor(whole / 86400)}d ${Math.floor(whole / 3600) % 24}h`;
  return `${count(whole / 86400)} days`;
}

export function bytes(v) {
  if (v === undefined || v === null) return '–';
  for (const [unit, size] of [['TB', 1e12], ['GB', 1e9], ['MB', 1e6], ['KB', 1e3]]) {
    if (v >= size) return `${(v / size).toFixed(v < 10 * size ? 1 : 0)} ${unit}`;
  }
  return `${Math.round(v)} B`;
}

export const clock = us => new Date(us / 1000).toLocaleTimeString('en-GB');

/// Shows rows in order. A row whose key stays keeps its elements, and so the focus.
/// `cells` gives texts; or {button, label, pressed, act}; or {text, wide}.
export function rows(body, items, key, cells) {
  const before = new Map([...body.rows].map(row => [row.dataset.key, row]));
  const wanted = items.map(item => {
    const name = String(key(item));
    const row = before.get(name) ?? element('tr');
    row.dataset.key = name;
    before.delete(name);
    cells(item).forEach((cell, index) => fill(row.cells[index] ?? row.appendChild(element('td')), cell));
    return row;
  });
  for (const row of before.values()) row.remove();
  wanted.forEach((row, index) => {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
}

function fill(cell, content) {
  if (content === null || content === undefined) return setText(cell, '');
  if (typeof content !== 'object') return setText(cell, String(content));
  if (!content.button) {
    if (content.wide) cell.className = 'text';
    return setText(cell, content.text);
  }
  let button = cell.firstElementChild;
  if (!button) {
    button = cell.appendChild(element('button'));
    button.type = 'button';
  }
  setText(button, content.button);
  if (content.label) button.setAttribute('aria-label', content.label);
  if (content.pressed !== undefined) button.setAttribute('aria-pressed', String(content.pressed));
  button.onclick = content.act;
}

/// A bar of parts [name, value, class, text], with its legend, which says the same in words.
export function bar(node, legend, parts) {
  const total = parts.reduce((sum, part) => sum + part[1], 0) || 1;
  while (node.children.length < parts.length) node.append(element('i'));
  while (legend.children.length < parts.length) {
    const item = element('li');
    item.append(element('i'), element('span'), ' ', element('b'));
    legend.append(item);
  }
  while (node.children.length > parts.length) node.lastChild.remove();
  while (legend.children.length > parts.length) legend.lastChild.remove();
  parts.forEach(([name, value, cls, text], index) => {
    const share = node.children[index];
    share.style.flex = `0 0 ${100 * value / total}%`;
    share.className = cls;
    const [mark, label, number] = legend.children[index].children;
    mark.className = cls;
    setText(label, name);
    setText(number, text ?? count(value));
  });
}

/// Trades the token of the link for a cookie, and takes it out of the address.
export async function signIn() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, '', location.pathname);
  await fetch('/session', { method: 'POST', body: new URLSearchParams({ token }) });
}

export function notice(text) {
  $('notice').hidden = !text;
  setText($('notice-text'), text ?? '');
}

export function state(name) {
  setText($('state'), name);
  $('state').className = `pill ${name.split(' ')[0]}`;
}
