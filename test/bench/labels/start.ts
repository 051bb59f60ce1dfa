// From Docker's `start` event to the last rule in the kernel, and the same rules made by a process for each step.

import { addressOf, create, remove, run, start } from '../../support/containers.js';
import { daemon, sh } from '../../support/lab.js';
import { netnsPath } from '../../support/talk.js';
import { figure, median, progress, spread, table } from '../stats.js';
import { follow } from './kept.js';
import { commands, GATEWAY, ONE, originalCommands, ROUTES_OF_TEN, TEN } from './labelled.js';
import { type Note, type NoteOf, ofKind, waitedForDocker } from './notes.js';
import { seen } from './seen.js';

/** Daemon and processes take turns, so that whatever else the machine does meets both. */
const ROUNDS = 40;
const WARM = 10;
/** Every so many rounds the same is done by processes, and another process looks for the rules. */
const YARDSTICKS_EVERY = 4;

interface Taken {
  /** From the event to the last change. */
  readonly whole: number[];
  /** From the event being read, without waiting for Docker. */
  readonly ours: number[];
  /** Of that, in the container's namespace. */
  readonly inside: number[];
  /** There, from the last rule until it was left. */
  readonly behind: number[];
  /** From the last change until another process saw it. */
  readonly seen: number[];
  /** The commands that are needed. */
  readonly processes: number[];
  /** The commands of the original, a shell for each. */
  readonly original: number[];
}

const NAME = 'labelled';
/** Without labels; others join its namespace. */
const HOLDER = 'holder';

export async function measureStarts(network: string): Promise<void> {
  const gateway = await addressOf(GATEWAY, network);
  await run(HOLDER, { networks: { [network]: {} } });
  const cases = [
    { what: '1 label', result: 'one', labels: ONE, routes: 0, taken: nothing() },
    { what: '10 labels', result: 'ten', labels: TEN, routes: ROUTES_OF_TEN, taken: nothing() },
  ];
  progress(`${WARM + ROUNDS} containers with 1 label and with 10, beside the same by processes`);
  for (let round = -WARM; round < ROUNDS; round++) {
    for (const { labels, routes, taken } of cases) {
      const one = await startOne(network, labels);
      if (round < 0) continue;
      taken.whole.push(one.whole);
      taken.ours.push(one.ours);
      taken.inside.push(one.inside);
      taken.behind.push(one.behind);
      if (round % YARDSTICKS_EVERY !== 0) continue;
      taken.seen.push(await seenByAnother(labels, routes));
      taken.processes.push(await byProcesses(network, '', netns => commands(labels, netns, gateway)));
      taken.original.push(
        await byProcesses(network, 'shell', netns => originalCommands(labels, netns, gateway)),
      );
    }
  }
  await goes(() => remove(HOLDER));
  for (const { what, result, labels, taken } of cases) {
    const [few, many] = [commands, originalCommands].map(list => list(labels, '', '').length);
    const times = median(taken.original) / median(taken.whole);
    table(
      `Real containers with ${what}: from Docker's start event to the last rule`,
      ['ms', 'median', 'p95', 'n'],
      [
        ['to the last rule', ...spread(taken.whole)],
        ['    ours of it, from the event being read and without waiting for Docker', ...spread(taken.ours)],
        ["    of ours, in the container's namespace", ...spread(taken.inside)],
        ['behind the last rule, until the namespace is left', ...spread(taken.behind)],
        ['another process sees the last rule so much later', ...spread(taken.seen)],
        [`the same rules by nsenter and iptables, ${few} commands`, ...spread(taken.processes)],
        [`the same as the original runs them, ${many} commands in shells`, ...spread(taken.original)],
      ],
    );
    const least = median(taken.processes) / median(taken.whole);
    console.log(`  ${figure(least)} and ${figure(times)} times as fast as the commands`);
    console.log(`RESULT label-${result} ${median(taken.whole)}`);
    console.log(`RESULT label-${result}-ours ${median(taken.ours)}`);
    console.log(`RESULT label-${result}-times ${times}`);
  }
}

function nothing(): Taken {
  return { whole: [], ours: [], inside: [], behind: [], seen: [], processes: [], original: [] };
}

/** Starts a container with labels, and takes it away: milliseconds from the event, and of what they are made. */
export async function startOne(network: string, labels: typeof ONE) {
  const id = await create(NAME, { networks: { [network]: {} }, labels });
  const notes = await follow(
    () => start(id),
    notes => done(notes) !== undefined,
  );
  const event = startEvent(notes, id);
  const { from, at, end } = done(notes)!;
  await goes(() => remove(id));
  return {
    whole: at - event.sent,
    ours: at - event.at - waitedForDocker(notes, event.at, at),
    inside: at - from,
    behind: end - at,
  };
}

/**
 * How much later than by the daemon's own account a table and so many routes are to be seen. The container joins a namespace that is there, so that
 * whoever looks is in it before the start.
 */
async function seenByAnother(labels: typeof ONE, routes: number): Promise<number> {
  const id = await create(NAME, { mode: `container:${HOLDER}`, labels });
  const routesSeen = seen(await netnsPath(HOLDER), routes);
  const notes = await follow(
    () => Promise.all([routesSeen, start(id)]),
    notes => done(notes) !== undefined,
  );
  await goes(() => remove(id));
  return (await routesSeen) - done(notes)!.at;
}

function startEvent(notes: readonly Note[], container: string): NoteOf<'event'> {
  return ofKind(notes, 'event').find(({ action, id }) => action === 'container start' && id === container)!;
}

/** Waits until a container is gone and the daemon knows. */
async function goes(act: () => Promise<void>): Promise<void> {
  await follow(act, notes => ofKind(notes, 'event').some(({ action }) => action === 'container destroy'));
}

/** The last time that something was changed in its namespace. */
function done(notes: readonly Note[]): NoteOf<'converge'> | undefined {
  const changed = ofKind(notes, 'converge').filter(
    ({ subject, changes }) => subject.includes(NAME) && changes > 0,
  );
  const failed = changed.find(({ failures }) => failures > 0);
  if (failed) throw new Error(`the daemon could not make the rules: ${daemon.logs()}`);
  return changed.at(-1);
}

/** Milliseconds that commands take in a container without labels. */
async function byProcesses(
  network: string,
  how: '' | 'shell',
  commands: (netns: string) => string[],
): Promise<number> {
  let taken = 0;
  await goes(async () => {
    const id = await run('plain', { networks: { [network]: {} } });
    const lines = commands(await netnsPath(id)).join('\n');
    taken = Number(await sh(`dist/test/bench/labels/commands ${how} <<'END'\n${lines}\nEND`));
    await remove(id);
  });
  return taken;
}
