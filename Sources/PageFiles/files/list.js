import { $, count, element, notice, rate, setText, signIn, state } from './tables.js';

function show(queues) {
  const body = $('queues');
  queues.forEach((queue, index) => {
    let row = body.rows[index];
    if (!row) {
      row = body.insertRow();
      const link = element('a');
      link.href = `/q/${index + 1}/`;
      row.insertCell().append(link);
      for (let i = 0; i < 6; i++) row.insertCell();
    }
    setText(row.cells[0].firstChild, queue.queue);
    const done = queue.completed + queue.failed;
    const state = queue.unreadable ? `${queue.state}: ${queue.unreadable}` : queue.state + (queue.paused && queue.state !== 'paused' ? ', paused' : '');
    [state, queue.total ? `${(Math.floor(1000 * done / queue.total) / 10).toFixed(1)} %` : '–', count(queue.completed), count(queue.failed), count(queue.total), queue.rate_now === null ? '–' : rate(queue.rate_now)]
      .forEach((text, i) => setText(row.cells[i + 1], text));
  });
}

async function look() {
  try {
    const answer = await fetch('/queues');
    if (answer.status === 401) {
      state('locked');
      notice('Open the link that the program has printed: it holds the token that lets you in.');
      return;
    }
    show(await answer.json());
    state('live');
    notice(null);
  } catch {
    state('lost');
    notice('No connection: the program has ended, or the network is gone.');
  }
  setTimeout(look, 2000);
}

await signIn();
look();
