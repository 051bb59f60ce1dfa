// Reads the RESULT lines of a run on standard input, and lays them beside the aims and the original's figures.
// Usage: aims PART…, the parts that the run measured.
import { readFileSync } from 'node:fs';
import { figure } from './stats.js';

interface Aim {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly original?: string;
}

const DRIVER: readonly Aim[] = [
  {
    name: 'processes',
    what: 'CreateEndpoint + Join, faster than the same work by ip and wg',
    unit: ' ×',
    atLeast: 5,
    original: '2.6 ×',
  },
  {
    name: 'c',
    what: 'CreateEndpoint + Join, slower than a C program',
    unit: ' ×',
    atMost: 3,
    original: '11 ×',
  },
  {
    name: 'delete',
    what: "DeleteEndpoint (p95), of the kernel's own link deletion",
    unit: ' ×',
    atMost: 1,
    original: '2.2 ×',
  },
  { name: 'startup', what: 'start-up on this machine', unit: ' ms', atMost: 300, original: '9 ms' },
  { name: 'idle', what: 'memory, idle', unit: ' MB', atMost: 90, original: '10 to 24 MB' },
  { name: 'crowd', what: 'memory, 500 endpoints joined', unit: ' MB', atMost: 100 },
];

const LABELS: readonly Aim[] = [
  ...[
    { name: 'label-one', labels: '1 label', original: '284 to 343 ms' },
    { name: 'label-ten', labels: '10 labels', original: '641 ms' },
  ].flatMap(({ name, labels, original }): Aim[] => [
    { name, what: `${labels}, from the start event to the last rule`, unit: ' ms', atMost: 10, original },
    { name: `${name}-ours`, what: `${labels}, ours of that`, unit: ' ms', atMost: 3 },
    { name: `${name}-times`, what: `${labels}, faster than processes`, unit: ' ×', atLeast: 20 },
  ]),
  { name: 'label-run', what: 'docker run with labels, longer than without dwgd', unit: ' ms', atMost: 10 },
  {
    name: 'pass-fifty',
    what: 'first pass over 50 real containers',
    unit: ' ms',
    atMost: 100,
    original: '25.9 s',
  },
  { name: 'pass-nothing', what: 'look at 500 namespaces, nothing to do', unit: ' ms', atMost: 150 },
  { name: 'pass-all', what: 'pass over 500 namespaces, all to do', unit: ' ms', atMost: 3000 },
  {
    name: 'labelled',
    what: 'memory, 500 labelled containers',
    unit: ' MB',
    atMost: 120,
    original: '61 to 91 MB',
  },
  { name: 'told', what: 'memory of metrics and page', unit: ' MB', atMost: 8 },
  { name: 'typed', what: 'the slowest command beside 500 containers', unit: ' ms', atMost: 300 },
];

const DRIFT: readonly Aim[] = [
  { name: 'drift', what: 'one of 500 is changed, until it is mended (p99)', unit: ' ms', atMost: 50 },
  {
    name: 'drift-flooded',
    what: 'the same beside one that changes without end, longer than beside a stranger that does (p99)',
    unit: ' ms',
    atMost: 10,
  },
  { name: 'five-first', what: 'first pass over 5,000', unit: ' s', atMost: 12 },
  { name: 'five-share', what: 'nothing happens in 5,000, of a processor', unit: ' %', atMost: 0.5 },
  { name: 'five-stall', what: 'the longest stall of the event loop meanwhile', unit: ' ms', atMost: 10 },
  { name: 'five-memory', what: 'memory, 5,000 labelled containers', unit: ' MB', atMost: 150 },
];

const EXITS: readonly Aim[] = [
  { name: 'exit-bare', what: 'throughput of an exit network, of the bare link', unit: ' ×', atLeast: 0.85 },
  { name: 'exit-labels', what: 'the same, of a VPN container with labels', unit: ' ×', atLeast: 1 },
  { name: 'exit-join', what: 'Join of an exit network, of one in pubkey mode', unit: ' ×', atMost: 2 },
];

const PARTS: Readonly<Record<string, readonly Aim[]>> = {
  driver: DRIVER,
  labels: LABELS,
  drift: DRIFT,
  exits: EXITS,
};
const aims = process.argv.slice(2).flatMap(part => PARTS[part]!);

const lines = readFileSync(0, 'utf8').matchAll(/^RESULT (\S+) (\S+)$/gm);
const results = new Map([...lines].map(([, name, value]) => [name!, Number(value)]));

console.log('\nAims');
for (const { name, what, unit, atLeast, atMost, original } of aims) {
  const value = results.get(name);
  if (value === undefined) throw new Error(`the run did not measure "${name}"`);
  const met = atLeast === undefined ? value <= atMost! : value >= atLeast;
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const aside = original ? `; the original: ${original}` : '';
  console.log(
    `  ${met ? 'met   ' : 'MISSED'}  ${what}: ${figure(value)}${unit} (aim: ${bound}${unit}${aside})`,
  );
}
