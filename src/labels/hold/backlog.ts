// Packets that wait for a busy processor on their way from a container to the host's hooks: when those are through that were
// sent before a moment. Not here: what follows then (hold-ends.ts).

import { readFileSync } from 'node:fs';

/** A line for each processor, which has the length of its backlog since Linux 5.10. */
const SOFTNET_STAT = '/proc/net/softnet_stat';
/** Of a line, in hexadecimal: `softnet_backlog_len()`. */
const BACKLOG_AT = 11;

/** What is on its way is in a backlog by then; how often it is looked for from then on, and how long at most, in milliseconds. */
const [SETTLE_MS, AGAIN_MS, MOST_MS] = [20, 5, 1_000] as const;

/** The packets that wait for each processor; undefined for one of which the kernel does not say. Pure. */
export function readBacklogs(text: string): (number | undefined)[] {
  return text
    .trimEnd()
    .split('\n')
    .map(line => {
      const word = line.trim().split(/\s+/)[BACKLOG_AT] ?? '';
      return /^[\da-f]{1,8}$/.test(word) ? Number.parseInt(word, 16) : undefined;
    });
}

/**
 * Does something when each processor has been seen to have nothing waiting, or after a second.
 * @param read what /proc/net/softnet_stat says; may throw: then nothing more is waited for
 */
export function afterBacklog(
  work: () => void,
  read: () => string = () => readFileSync(SOFTNET_STAT, 'latin1'),
): void {
  const idle = new Set<number>();
  const began = performance.now();
  const look = (): void => {
    let isOver = performance.now() - began > MOST_MS;
    try {
      const lengths = readBacklogs(read());
      for (const [cpu, length] of lengths.entries()) if (!length) idle.add(cpu);
      isOver ||= lengths.every((_, cpu) => idle.has(cpu));
    } catch {
      isOver = true;
    }
    if (isOver) work();
    else setTimeout(look, AGAIN_MS).unref();
  };
  setTimeout(look, SETTLE_MS).unref();
}
