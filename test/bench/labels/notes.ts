// What the probe in the daemon has noted, as the benchmark reads it. Not here: how it is noted (probe.ts).
import { existsSync, readFileSync, rmSync } from 'node:fs';

/** Times in milliseconds of the wall clock. */
export type Note =
  /** `sent`: Docker's own time of the event. */
  | {
      readonly what: 'event';
      readonly at: number;
      readonly action: string;
      readonly id: string;
      readonly sent: number;
    }
  /** A request to Docker, to the last byte of its answer. */
  | { readonly what: 'docker'; readonly from: number; readonly at: number; readonly path: string }
  | {
      readonly what: 'look';
      readonly from: number;
      readonly at: number;
      readonly fullResync: boolean;
      readonly containers: number;
    }
  /** `at`: the last change, if there is one. */
  | {
      readonly what: 'converge';
      readonly from: number;
      readonly at: number;
      readonly end: number;
      readonly subject: string;
      readonly changes: number;
      readonly failures: number;
    }
  /** What libnftables was given, where it is asked for. */
  | { readonly what: 'transaction'; readonly json: string }
  | { readonly what: 'trigger'; readonly at: number }
  /** Nothing is under way any more. */
  | { readonly what: 'idle'; readonly at: number };

export type NoteOf<W extends Note['what']> = Extract<Note, { readonly what: W }>;

export const NOTES = '/run/bench-notes';

/** All since the last `forgetNotes`, in order. */
export function readNotes(): Note[] {
  if (!existsSync(NOTES)) return [];
  const lines = readFileSync(NOTES, 'utf8').trimEnd().split('\n');
  return lines.map(line => JSON.parse(line) as Note);
}

export function forgetNotes(): void {
  rmSync(NOTES, { force: true });
}

export function ofKind<W extends Note['what']>(notes: readonly Note[], what: W): NoteOf<W>[] {
  return notes.filter((note): note is NoteOf<W> => note.what === what);
}

/** Milliseconds between two times in which an answer of Docker was waited for. */
export function waitedForDocker(notes: readonly Note[], from: number, to: number): number {
  const spans = ofKind(notes, 'docker')
    .map(span => ({ from: Math.max(span.from, from), to: Math.min(span.at, to) }))
    .filter(span => span.to > span.from)
    .sort((a, b) => a.from - b.from);
  let waited = 0;
  let end = from;
  for (const span of spans) {
    waited += Math.max(0, span.to - Math.max(span.from, end));
    end = Math.max(end, span.to);
  }
  return waited;
}
