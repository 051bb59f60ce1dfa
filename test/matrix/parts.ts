// What `make matrix` runs: three Debians with an engine each, and the parts of the suite, a line of the table each.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A column: a release of Debian with its own Docker, kernel in the laboratory, libnftables and systemd. */
export interface Column {
  /** Of Docker, as its version begins. */
  readonly docker: string;
  readonly release: string;
  /** The major version of Node.js, of packaging/nodes. */
  readonly node: number;
}

/** Forky is not released. */
export const COLUMNS: readonly Column[] = [
  { docker: '20.10', release: 'bookworm', node: 20 },
  { docker: '26.1', release: 'trixie', node: 22 },
  { docker: '28.5', release: 'forky', node: 24 },
];

/** A line of the table: a part of the suite, and how it is run in the root of a column. */
export interface Part {
  readonly name: string;
  readonly command: readonly string[];
}

const NODE_TEST = ['node', '--test', '--test-reporter=spec'];
const BESIDE_DOCKER = ['test/docker/inside', ...NODE_TEST];
/** Scenarios that are long runs of their own. */
const NOT_HERE = new Set(['siege', 'faults', 'processes', 'many']);

/** All parts, of the compiled tests in a checkout. */
export function partsIn(checkout: string): Part[] {
  const files = (folder: string, end: string) =>
    readdirSync(join(checkout, 'dist/test', folder))
      .filter(file => file.endsWith(end))
      .sort();
  const tests = (folder: string) => files(folder, '.test.js').map(file => `dist/test/${folder}/${file}`);
  return [
    { name: 'unit', command: ['node', 'dist/test/unit/run.js'] },
    { name: 'rules', command: [...NODE_TEST, '--test-concurrency=2', ...tests('rules')] },
    { name: 'kernel', command: [...NODE_TEST, '--test-concurrency=2', ...tests('kernel')] },
    { name: 'service', command: ['test/service/inside', ...NODE_TEST, ...tests('service')] },
    ...files('docker', '.test.js').map(file => ({
      name: `docker/${file.slice(0, -'.test.js'.length)}`,
      command: [...BESIDE_DOCKER, `dist/test/docker/${file}`],
    })),
    ...files('lab/scenarios', '.js')
      .map(file => file.slice(0, -'.js'.length))
      .filter(name => !NOT_HERE.has(name))
      .map(name => ({ name: `laboratory/${name}`, command: ['node', 'dist/test/lab/run.js', name] })),
  ];
}
