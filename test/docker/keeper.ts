// The daemon as keeper of labels beside the Docker of these tests, and the frame of their scenarios.
import { after } from 'node:test';
import { daemon, eventually, scenario } from '../support/lab.js';
import { hush } from '../support/talk.js';
import { unmakeWorld } from './world.js';

export interface KeeperOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly under?: string[];
}

/** Far longer than any test: what happens, happens by an event. */
const NEVER = '80000';

export const keeper = {
  /** Starts it for labels alone, and waits until it listens to Docker. */
  async start({
    flags = ['--look-interval', NEVER],
    env = {},
    under = [],
  }: KeeperOptions = {}): Promise<void> {
    await daemon.start({ args: ['--no-driver', '-v', ...flags], env, under, ready: listens });
  },
};

function listens(): boolean {
  return daemon.logs().includes('listening for Docker events');
}

/** A scenario beside a Docker of its own; what it starts is gone after it. @param within seconds */
export function keeping(name: string, tests: () => void, within = 600): void {
  scenario(
    name,
    () => {
      tests();
      after(async () => {
        hush();
        await unmakeWorld();
      });
    },
    { within },
  );
}

/** Waits for the effect of an event. Without the event it never comes: the clock does not look in these tests. */
export function follows<T>(attempt: () => T | Promise<T>): Promise<T> {
  return eventually(attempt, { within: 60, every: 0.02 });
}

/** Waits for what the clock brings, where a test has set it. */
export function soon<T>(attempt: () => T | Promise<T>): Promise<T> {
  return eventually(attempt, { within: 60, every: 0.05 });
}
