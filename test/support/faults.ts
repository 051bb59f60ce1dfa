// Faults of the daemon: which points of its source it can be had to die at, and how. Not here: what must be so after that.
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/support. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const PASSED = /\bfaultPoint\((?:'([^']*)'|([^)]*))\)/g;

/** Whether a file of the source is for exit networks alone. */
export function isOfExits(file: string): boolean {
  return /^src\/driver\/(router\/|lifecycle\/exit)/.test(file);
}

/** A point and where it is. */
export interface PlacedPoint {
  /** Undefined where it is no literal. */
  readonly name: string | undefined;
  readonly file: string;
}

/** The points of a source, in its order. */
export function pointsIn(file: string, text: string): PlacedPoint[] {
  return [...text.matchAll(PASSED)].map(([, name]) => ({ name, file }));
}

/** Every point of the daemon's source. */
export function allPoints(): PlacedPoint[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .sort()
    .flatMap(name => pointsIn(`src/${name}`, readFileSync(join(root, 'src', name), 'utf8')));
}

/** The first or a later time that a point is passed. */
export interface Fault {
  readonly name: string;
  readonly nth: number;
}

const IMPORT = { NODE_OPTIONS: `--import=${new URL('fault-hook.js', import.meta.url).href}` };

/** The environment of a daemon that dies there. */
export function dyingAt({ name, nth }: Fault): Record<string, string> {
  return { ...IMPORT, FAULT_AT: name, FAULT_NTH: String(nth) };
}

/** The environment of a daemon that writes down the points that it passes. */
export function leavingTrail(file: string): Record<string, string> {
  return { ...IMPORT, FAULT_TRAIL: file };
}

/** The passes that such a daemon wrote down, each as a fault; the file goes. */
export function passesIn(file: string): Fault[] {
  const counts = new Map<string, number>();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  rmSync(file);
  return lines.map(name => {
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    return { name, nth };
  });
}

/** What a process has open, by kind and without numbers; but for connections to and from it, which come and go. */
export function descriptors(pid: number): string[] {
  const connections = new Set(
    readFileSync(`/proc/${pid}/net/unix`, 'utf8')
      .split('\n')
      .flatMap(line => {
        const [, , , , , state, inode] = line.split(/\s+/);
        return state === '03' ? [inode] : [];
      }),
  );
  return readdirSync(`/proc/${pid}/fd`)
    .flatMap(fd => {
      try {
        const what = readlinkSync(`/proc/${pid}/fd/${fd}`);
        return connections.has(/^socket:\[(\d+)\]$/.exec(what)?.[1]) ? [] : [what.replace(/\d{4,}/g, 'N')];
      } catch {
        return [];
      }
    })
    .sort();
}

/** The passes that two runs have in common: the daemon does not take every step in every run. */
export function inBoth(one: readonly Fault[], other: readonly Fault[]): readonly Fault[] {
  return one.filter(({ name, nth }) => other.some(fault => fault.name === name && fault.nth === nth));
}

/** What a story has left at its stations, and where it was cut short. */
export interface Told {
  readonly states: Readonly<Record<string, readonly string[]>>;
  readonly deaths: number;
}
