// `make matrix`: the suite on three engines, kernels and releases of Node.js. What came of each part is kept in .lab/matrix,
// so that a run that was ended goes on where it was; docs/engines.md is written after each part. (root)
//   node dist/test/matrix/main.js                  what has not been run for this commit
//   node dist/test/matrix/main.js forky kernel     of a release or a part, by words in their names
//   node dist/test/matrix/main.js --again …        also what has been run
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Outcome, readOutcome } from './outcome.js';
import { enginesPage, type Results, type Versions } from './page.js';
import { COLUMNS, type Column, type Part, partsIn } from './parts.js';
import { REASONS } from './reasons.js';

const checkout = join(import.meta.dirname, '../../..');
const kept = join(checkout, '.lab/matrix');
const roots = process.env.DWGD_ROOTS ?? join(checkout, '.lab/roots');
const modules = join(checkout, '.lab/packages/modules-amd64');
const RESULTS = join(kept, 'results.json');
/** Seconds after which a part hangs. */
const BOUND = 2700;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});

/** Carries a command out on this terminal; the process ends where it fails. */
function must(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(2);
}

/** The command with which a line runs in a column's root, and its environment. */
function within(
  { release, node }: Column,
  command: readonly string[],
  needsLaboratory = true,
): [string[], NodeJS.ProcessEnv] {
  return [
    ['--kill-after=30', String(BOUND), 'test/in-root', join(roots, `engine-${release}`), ...command],
    {
      // The daemon refuses variables of that kind that it does not know.
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DWGD_'))),
      CI: 'true',
      DWGD_NODE: join(modules, `nodes/node_modules/x64-${node}/bin/node`),
      DWGD_NATIVE: join(modules, 'node_modules'),
      ...(needsLaboratory && { DWGD_LAB_CACHE: join(checkout, `.lab/matrix/${release}`) }),
    },
  ];
}

const VERSIONS = `dockerd --version | sed -n 's/^Docker version \\([0-9.]*\\).*/Docker \\1/p'
  dpkg-query -W -f 'libnftables \${Version}\n' libnftables1 | sed 's/-.*//'
  systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/systemd \\1/p'
  node --version | sed 's/^v/Node.js /'
  printf 'kernel %s in the laboratory\\n' "$(ls "$DWGD_LAB_CACHE/modules/lib/modules" 2> /dev/null | sed 's/-amd64//;s/+deb.*//')"
  uname -r | sed 's/^\\([0-9]*\\.[0-9]*\\).*/kernel \\1 outside/'`;

function versionsOf(column: Column): Versions {
  const [args, env] = within(column, ['bash', '-c', VERSIONS]);
  const { stdout, stderr } = spawnSync('timeout', args, { cwd: checkout, env, encoding: 'utf8' });
  const versions = stdout.trim().split('\n');
  if (versions[0]?.startsWith(`Docker ${column.docker}.`)) return versions;
  console.error(`matrix: Debian ${column.release} was to bring Docker ${column.docker}: ${stdout}${stderr}`);
  process.exit(2);
}

async function outcomeOf(column: Column, part: Part, commit: string): Promise<Outcome> {
  const [args, env] = within(column, part.command, part.name.startsWith('laboratory/'));
  const log = join(kept, column.release, `${part.name.replace('/', '-')}.log`);
  mkdirSync(dirname(log), { recursive: true });
  const file = createWriteStream(log);
  const started = performance.now();
  const run = spawn('timeout', args, { cwd: checkout, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [run.stdout, run.stderr]) stream.pipe(file, { end: false });
  const [status] = (await once(run, 'close')) as [number | null];
  file.end();
  await once(file, 'finish');
  return readOutcome(
    readFileSync(log, 'utf8'),
    status ?? 1,
    Math.round((performance.now() - started) / 1000),
    commit,
  );
}

function commitOf(): string {
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: checkout, encoding: 'utf8' });
  return stdout.trim();
}

const results: { versions: Record<string, Versions>; outcomes: Record<string, Record<string, Outcome>> } =
  existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : { versions: {}, outcomes: {} };
const parts = partsIn(checkout);
const commit = commitOf();

function writeResults(): void {
  writeFileSync(RESULTS, JSON.stringify(results, undefined, 1));
  const page = enginesPage(
    COLUMNS.map(({ release }) => release),
    parts.map(({ name }) => name),
    results satisfies Results,
    REASONS,
  );
  writeFileSync(join(checkout, 'docs/engines.md'), page);
}

const releases = new Set(COLUMNS.map(({ release }) => release));
const wantedReleases = positionals.filter(word => releases.has(word));
const wantedParts = positionals.filter(word => !releases.has(word));
const columns = COLUMNS.filter(
  ({ release }) => wantedReleases.length === 0 || wantedReleases.includes(release),
);
const chosen = parts.filter(
  ({ name }) => wantedParts.length === 0 || wantedParts.some(word => name.includes(word)),
);
if (values.list) {
  for (const { name } of chosen) console.log(name);
  process.exit(0);
}

mkdirSync(kept, { recursive: true });
must('packaging/modules', 'amd64', modules);
let failed = 0;
for (const column of columns) {
  const { release } = column;
  console.log(`\n== Debian ${release}, Docker ${column.docker}, Node.js ${column.node}`);
  must('test/debian-root', release, join(roots, `engine-${release}`));
  const [args, env] = within(column, ['test/lab/prepare']);
  if (
    spawnSync('timeout', args, { cwd: checkout, env, stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0
  )
    process.exit(2);
  results.versions[release] = versionsOf(column);
  results.outcomes[release] ??= {};
  for (const part of chosen) {
    const before = results.outcomes[release][part.name];
    if (before?.commit === commit && before.failed === 0 && !values.again) continue;
    const outcome = await outcomeOf(column, part, commit);
    results.outcomes[release][part.name] = outcome;
    writeResults();
    failed += outcome.failed;
    const verdict =
      outcome.failed === 0 ? 'passed' : `${outcome.failed} FAILED: ${outcome.failures.join('; ')}`;
    console.log(`${part.name}: ${outcome.passed} passed, ${verdict}, ${outcome.seconds} s`);
  }
}
writeResults();
console.log(`\nSee docs/engines.md, and for what was printed .lab/matrix`);
process.exit(failed > 0 ? 1 : 0);
