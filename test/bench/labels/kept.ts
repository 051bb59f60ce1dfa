// The daemon that keeps labels, with the probe in it, and what it did in answer to one thing that was done.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemon, eventually } from '../../support/lab.js';
import { forgetNotes, NOTES, type Note, ofKind, readNotes } from './notes.js';

const PROBE = join(import.meta.dirname, 'probe.js');
/** Nothing has come for so long: it is over. */
const QUIET_MS = 60;

export interface Start {
  /** Seconds from one periodic look to the next. */
  readonly every?: number;
  /** Path of Docker's socket, if it is not the real one. */
  readonly socket?: string;
  /** Arguments besides; by default the driver's half is off. */
  readonly args?: readonly string[];
  /** Whether the transactions of libnftables are noted, too. */
  readonly transactions?: true;
  /** Seconds until its first pass is over. */
  readonly within?: number;
}

/** Starts it, and returns what its first pass did. */
export async function keep({
  every = 80_000,
  socket,
  args = ['--no-driver'],
  transactions,
  within = 120,
}: Start = {}): Promise<Note[]> {
  forgetNotes();
  await daemon.start({
    args: [
      ...args,
      '--look-interval',
      String(every),
      ...(socket ? ['--docker-host', `unix://${socket}`] : []),
    ],
    env: {
      BENCH_NOTES: NOTES,
      ...(transactions && { BENCH_TRANSACTIONS: '1' }),
      NODE_OPTIONS: `--import ${PROBE} ${process.env.BENCH_NODE_OPTIONS ?? ''}`,
    },
    ready: () => isDone(readNotes()),
    within,
  });
  return settled(() => true);
}

/** Does something, and returns all that the daemon did about it until it was done and quiet again. */
export async function follow(
  act: () => Promise<unknown>,
  isEnough: (notes: readonly Note[]) => boolean,
): Promise<Note[]> {
  forgetNotes();
  await act();
  return settled(isEnough);
}

async function settled(isEnough: (notes: readonly Note[]) => boolean): Promise<Note[]> {
  return eventually(
    async () => {
      const notes = readNotes();
      if (!isDone(notes) || !isEnough(notes)) return false;
      await sleep(QUIET_MS);
      return readNotes().length === notes.length && notes;
    },
    { every: 0.005 },
  ) as Promise<Note[]>;
}

function isDone(notes: readonly Note[]): boolean {
  return ofKind(notes, 'idle').length > 0;
}
