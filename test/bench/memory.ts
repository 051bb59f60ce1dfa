// What a process holds in memory, as the kernel counts it.
import { readFileSync } from 'node:fs';

export interface Memory {
  /** VmRSS, in MB of 10^6 bytes as the others: all that is resident. */
  readonly resident: number;
  /** RssAnon: heaps and stacks, which nobody else shares. */
  readonly own: number;
  /** RssFile: of the program's files, shared with whoever else maps them. */
  readonly files: number;
  /** Pss: what is shared counts in parts. */
  readonly proportional: number;
}

export function memoryOf(pid: number): Memory {
  const text = ['status', 'smaps_rollup'].map(file => readFileSync(`/proc/${pid}/${file}`, 'utf8')).join('');
  const read = (field: string): number =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6;
  return { resident: read('VmRSS'), own: read('RssAnon'), files: read('RssFile'), proportional: read('Pss') };
}
