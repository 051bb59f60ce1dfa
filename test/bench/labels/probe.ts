// Loaded into the daemon before its program (`node --import`): notes when events are read, Docker is asked and
// labels are applied to namespaces, and appends it to a file when nothing is under way. The daemon's own code
// is as it is installed. Times are milliseconds of the wall clock with fractions, the clock of Docker's events.
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { NftContext } from '../../../native/libnftables.js';
import { DockerApi } from '../../../src/docker/api-client.js';
import { Reconciler } from '../../../src/labels/controller/reconciler.js';
import { Containers } from '../../../src/labels/discovery/containers.js';
import { Sandboxes } from '../../../src/labels/namespace/sandbox.js';
import { NetnsSession } from '../../../src/labels/namespace/session.js';
import type { Note } from './notes.js';

const FILE = process.env.BENCH_NOTES!;
const notes: Note[] = [];
const now = (): number => performance.timeOrigin + performance.now();

const { listen } = DockerApi.prototype;
DockerApi.prototype.listen = function (filters, listener) {
  return listen.call(this, filters, {
    ...listener,
    up: () => listener.up(),
    event: event => {
      const { Action, Type, Actor, timeNano } = event as {
        Action: string;
        Type: string;
        Actor: { ID: string };
        timeNano: number;
      };
      notes.push({
        what: 'event',
        at: now(),
        action: `${Type} ${Action}`,
        id: Actor.ID,
        sent: timeNano / 1e6,
      });
      listener.event?.(event);
    },
  });
};

const begun = new WeakMap<ClientRequest, number>();
subscribe('http.client.request.start', message => {
  begun.set((message as { request: ClientRequest }).request, now());
});
subscribe('http.client.response.finish', message => {
  const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
  if (request.path.includes('/events')) return;
  response.once('end', () =>
    notes.push({ what: 'docker', from: begun.get(request)!, at: now(), path: request.path }),
  );
});

const { list: look } = Containers.prototype;
Containers.prototype.list = async function (fullResync) {
  const from = now();
  const found = await look.call(this, fullResync);
  notes.push({ what: 'look', from, at: now(), fullResync, containers: found.length });
  return found;
};

/** When the last change of a namespace was made. */
let changed = 0;
const { apply } = NetnsSession.prototype;
NetnsSession.prototype.apply = function (changes) {
  const failures = apply.call(this, changes);
  if (changes.length > 0) changed = now();
  return failures;
};

const { reconcile: converge } = Sandboxes.prototype;
Sandboxes.prototype.reconcile = function (desired) {
  const from = now();
  const done = converge.call(this, desired);
  const subject = desired.containers.join(', ');
  const [changes, failures] = [done?.changes.length ?? 0, done?.failures.length ?? 0];
  const end = now();
  // Behind the last change the table is read once, to know it again.
  notes.push({ what: 'converge', from, at: changes > 0 ? changed : end, end, subject, changes, failures });
  return done;
};

if (process.env.BENCH_TRANSACTIONS) {
  const { run } = NftContext.prototype;
  NftContext.prototype.run = function (json) {
    notes.push({ what: 'transaction', json });
    return run.call(this, json);
  };
}

let isWatched = false;
const { trigger } = Reconciler.prototype;
Reconciler.prototype.trigger = function () {
  notes.push({ what: 'trigger', at: now() });
  trigger.call(this);
  if (isWatched) return;
  isWatched = true;
  void this.idle().then(() => {
    isWatched = false;
    notes.push({ what: 'idle', at: now() });
    appendFileSync(
      FILE,
      `${notes
        .splice(0)
        .map(note => JSON.stringify(note))
        .join('\n')}\n`,
    );
  });
};
