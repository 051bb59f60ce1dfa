// Loaded before the daemon's own code (node --import): has it die by SIGKILL at a fault point of src/, or writes down which it
// passes. Not here: who asks for it (faults.ts).
import { appendFileSync } from 'node:fs';

const { FAULT_AT: at, FAULT_NTH: nth = '1', FAULT_TRAIL: trail } = process.env;
let passed = 0;

Object.assign(globalThis, {
  [Symbol.for('dwgd.fault-point')]: (name: string): void => {
    if (trail !== undefined) appendFileSync(trail, `${name}\n`);
    if (name === at && ++passed === Number(nth)) process.kill(process.pid, 'SIGKILL');
  },
});
