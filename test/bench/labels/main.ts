// The benchmark of container labels, beside a real Docker on this machine's kernel: run by test/docker/inside.
// Named parts run alone: starts, packets, real, stub, quiet, typed, told; drift and thousands run only where they are named.
import { createNetwork, run } from '../../support/containers.js';
import { daemon } from '../../support/lab.js';
import { measureQuiet, measureRealPass, measureStubPasses } from './crowd.js';
import { measureDrift, measureThousands } from './drift.js';
import { measureFirstPackets } from './first-packets.js';
import { keep } from './kept.js';
import { GATEWAY } from './labelled.js';
import { measureStarts } from './start.js';
import { measureTold } from './told.js';
import { measureTyped } from './typed.js';

const NETWORK = 'bench';
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  starts: async () => {
    await keep();
    await measureStarts(NETWORK);
    await daemon.stop();
  },
  packets: () => measureFirstPackets(NETWORK),
  real: () => measureRealPass(NETWORK),
  stub: () => measureStubPasses(NETWORK),
  quiet: () => measureQuiet(NETWORK),
  typed: () => measureTyped(NETWORK),
  told: () => measureTold(NETWORK),
};
/** Half an hour. */
const LONG: typeof PARTS = {
  drift: () => measureDrift(NETWORK),
  thousands: () => measureThousands(NETWORK),
};

const [...named] = process.argv.slice(2);
await createNetwork(NETWORK, { driver: 'bridge' });
await run(GATEWAY, { networks: { [NETWORK]: {} } });
for (const part of named.length > 0 ? named : Object.keys(PARTS)) await (PARTS[part] ?? LONG[part])!();
process.exit();
