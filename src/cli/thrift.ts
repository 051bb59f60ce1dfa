// V8 is told to be thrifty. First of all that is loaded (main.ts): what is loaded then could spend memory already.

import { setFlagsFromString } from 'node:v8';

// A daemon that works for milliseconds in minutes wants little memory rather than the last word in speed. A command, which is
// a first word without a dash, is over before any of that is worth its while.
if (!/^[^-]/.test(process.argv[2] ?? '')) {
  // The young generation keeps its first size: it would grow to 32 MB, and stay so.
  setFlagsFromString('--semi-space-growth-factor=1');
  // Garbage is collected when the heap has grown by a quarter since the last time; it would be twice as large.
  setFlagsFromString('--heap-growing-percent=25');
}
// Optimised is what stays hot for long, such as deriving many keys, but not what a start-up runs through. V8 of Node 24 has no
// such flag, and would say so.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');
// ffi-rs has a report made, to see which C library this is: every link of the host would be listed in it.
Object.assign(process.report ?? {}, { excludeNetwork: true });
