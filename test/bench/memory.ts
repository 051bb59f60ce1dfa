// What a process holds in memory, as the kernel counts it.
import { readFileSync } from 'node:fs';

export interface Memory {
  /** VmRSS, in MB of 10^6 bytes as the other two: all that is resident. */
  readonly resident: number;
  /** RssAnon: heaps and stacks, which nobody else shares. */
  readonly own: number;
  /** RssFile: of the program's files, shared with whoever else maps them. */
  readonly files: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (field: string): number =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  return { resident: read('VmRSS'), own: read('RssAnon'), files: read('RssFile') };
}
