// Who watches a daemon: a Prometheus that scrapes it, and a browser that shows its page. Both ask every second, which is more
// often than a Prometheus does.
import { request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/lab.js';

const PORT = 9586;
const EVERY_MS = 1_000;
/** As the page asks when it is opened, and then again and again. */
const [OPENED, SHOWN] = [['/', '/page/main.js', '/page/style.css', '/page/icon.svg'], '/v1/status'] as const;

/** The daemon's flags for it. */
export const WATCHED: readonly string[] = ['--metrics', `127.0.0.1:${PORT}`, '--page'];

/** Watches until it is told to stop; then how often it has asked. @throws Error where an answer was none */
export function watch(): () => Promise<number> {
  const stopped = new AbortController();
  const work = (async (): Promise<number> => {
    let asked = 0;
    // The port is opened behind everything else.
    await eventually(() => ask(OPENED[0]), { every: 0.02 });
    for (const path of OPENED) await ask(path);
    while (!stopped.signal.aborted) {
      await Promise.all(['/metrics', SHOWN].map(path => ask(path)));
      asked++;
      await sleep(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
    return asked;
  })();
  // Whoever stops it hears of it.
  work.catch(() => undefined);
  return () => {
    stopped.abort();
    return work;
  };
}

/** @throws Error where it is not there */
async function ask(path: string): Promise<void> {
  const [status, body] = await new Promise<[number, string]>((resolve, reject) => {
    request({ host: '127.0.0.1', port: PORT, path, agent: false }, answer => {
      textOf(answer).then(body => resolve([answer.statusCode!, body]), reject);
    })
      .on('error', reject)
      .end();
  });
  if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body.slice(0, 200)}`);
}
