// Packets by way of two routers, one with rules of real iptables(8) and one with ours: the same must arrive, with the same
// addresses.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Nft } from '../../src/nft/client.js';
import { withLists } from '../../src/nft/iptables/syntax/address-lists.js';
import { HOOK_OF, hookOf, TABLE_OF } from '../../src/nft/iptables/syntax/chains.js';
import { TWINE_CHAINS } from '../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { type NftChain, type NftTable, replaceTable } from '../../src/nft/table.js';
import { kernelTest, run } from '../support/namespace.js';
import { Random } from '../support/random.js';
import { Starter } from '../support/starter.js';
import { allCases, type Case } from './cases.js';
import { probes } from './probes.js';
import { Network, type Place } from './router.js';

/** Two thirds of a second for each, of one pair of routers. */
const CASES = Number(process.env.RULES_CASES ?? 520);
/** Other rules with each. */
const SEED = Number(process.env.RULES_SEED ?? 6);
/** Only cases with this in a rule, while one works on them. */
const ONLY = process.env.RULES_ONLY ?? '';
const CASES_AT_LEAST = CASES * 0.9;
/** Pairs of routers, which have the cases in turn: most of the time is that of programs, of which each waits for the last. */
const PAIRS = 2;
/** Rules that count are right when they are so each time. */
const COUNTING_TRIES = 3;
/**
 * A busy machine may bring a packet too late, and the kernel limits errors of ICMP: a case that differs is tried again,
 * and must be right so often in a row. That stays rare, or something else is wrong.
 */
const RIGHT_AGAIN = 3;
const MAX_TRIES = 8;
const MAX_DIFFERING_CASES = 10;
const REST_MS = 300;
const PLACES: readonly Place[] = ['client', 'router', 'server'];
const folder = mkdtempSync(join(tmpdir(), 'dwgd-packets-'));
after(() => rmSync(folder, { recursive: true }));

function compileProber(): string {
  const program = join(folder, 'prober');
  const source = fileURLToPath(new URL('../../../test/rules/prober.c', import.meta.url));
  run('gcc', '-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source);
  return program;
}

/** The whole of iptables' rules of one family: its chains jump to chains of our names. */
function restoreText({ rules, family, table: moved }: Case, of: 4 | 6): string {
  return ['filter', 'nat', 'mangle', 'raw']
    .flatMap(table => {
      const home = moved ? 'mangle' : undefined;
      const chains = TWINE_CHAINS.filter(chain => (home ?? TABLE_OF[chain]) === table);
      const here = family === undefined || family === of;
      return [
        `*${table}`,
        ...chains.map(chain => `:${chain} - [0:0]`),
        ...chains.map(chain => `-A ${HOOK_OF[chain].toUpperCase()} -j ${chain}`),
        ...rules
          .filter(rule => here && chains.some(chain => rule.startsWith(`${chain} `)))
          .map(rule => `-A ${rule}`),
        'COMMIT',
      ];
    })
    .join('\n');
}

/** @param inRouter starts programs there */
function loadTheirs(inRouter: Starter, one: Case): void {
  for (const family of [4, 6] as const) {
    if (one.family !== undefined && one.family !== family) continue;
    const path = join(folder, `rules-${family}`);
    writeFileSync(path, `${restoreText(one, family)}\n`);
    inRouter.run(family === 4 ? 'iptables-nft-restore' : 'ip6tables-nft-restore', path);
  }
}

/** As the daemon has it: chains at the hooks, which jump to ours. */
function loadOurs(nft: Nft, network: Network, { rules, family }: Case): void {
  const translated = rules.map((rule, index) =>
    translateRule(rule, { setPrefix: `r${index}-`, ...(family && { family }) }),
  );
  const lists = withLists<NftChain>(
    TWINE_CHAINS.flatMap(chain => [
      {
        name: `at ${chain}`.replace(' ', '-'),
        hook: hookOf(chain),
        rules: [{ expr: [{ jump: { target: chain } }] }],
      },
      { name: chain, rules: translated.flatMap(rule => (rule.chain === chain ? rule.rules : [])) },
    ]),
  );
  const table: NftTable = { family: 'inet', name: 'dwgd', ...lists };
  network.router.within(() => nft.apply(replaceTable(table), 'the test'));
}

const counts = ({ rules }: Case): boolean => rules.some(rule => /limit|quota|nth/.test(rule));

/** What arrives of the packets sent twice: once as something new, once as something known. */
async function fate(network: Network, { family }: Case, port: number): Promise<string[]> {
  const found: string[] = [];
  const packets = ([4, 6] as const)
    .filter(each => family === undefined || family === each)
    .map(each => probes(each, port));
  for (const round of ['first', 'second']) {
    for (const place of PLACES) {
      network.probers[place].send(packets.flatMap(of => of[place]));
      found.push(...(await network.settle()).map(words => `${round} from ${place}: ${words}`));
    }
  }
  return found;
}

/** Some of what only one of them let arrive, or undefined. */
function difference(ours: readonly string[], theirs: readonly string[]): string | undefined {
  if (ours.join('\n') === theirs.join('\n')) return undefined;
  const only = (list: readonly string[], other: readonly string[]): string =>
    list
      .filter(words => !other.includes(words))
      .slice(0, 4)
      .map(words => `\n    ${words}`)
      .join('');
  return `\n  ours:${only(ours, theirs)}\n  theirs:${only(theirs, ours)}`;
}

/** What hashlimit and recent of iptables know by a name lives on from rule to rule: each try has names of its own. */
function withOwnTables({ rules, ...rest }: Case, tried: number): Case {
  return { ...rest, rules: rules.map(rule => rule.replace(/(--(hashlimit-)?name \S+)/g, `$1-${tried}`)) };
}

/** What a pair of routers has found. */
interface Findings {
  readonly wrong: string[];
  readonly differed: string[];
  /** Cases with another number of packets than the first. */
  changing: number;
  tried: number;
}

/** Takes cases from the list until there are no more. */
async function comparePair(t: TestContext, program: string, cases: Iterator<Case>): Promise<Findings> {
  const nft = new Nft();
  t.after(() => nft.close());
  const [left, right] = [await Network.create(t, program), await Network.create(t, program)];
  const inRouter = right.router.within(() => new Starter());
  t.after(() => inRouter.close());
  const found: Findings = { wrong: [], differed: [], changing: 0, tried: 0 };
  let open: string[] | undefined;
  for (let next = cases.next(); !next.done; next = cases.next()) {
    const each = next.value;
    let differing: string | undefined;
    let rightInARow = 0;
    let wanted = counts(each) ? COUNTING_TRIES : 1;
    for (let tries = 0; rightInARow < wanted && tries < MAX_TRIES; tries++) {
      if (differing !== undefined) await sleep(REST_MS);
      // Each try has ports of its own, so that no connection is known from an earlier one.
      const port = 10_000 + (found.tried % 500) * 100;
      const one = withOwnTables(each, found.tried++);
      loadOurs(nft, left, one);
      loadTheirs(inRouter, one);
      const [ours, theirs] = await Promise.all([fate(left, one, port), fate(right, one, port)]);
      open ??= ours;
      if (tries === 0 && ours.length !== open.length) found.changing++;
      const differs = difference(ours, theirs);
      rightInARow = differs === undefined ? rightInARow + 1 : 0;
      if (differs === undefined) continue;
      wanted = RIGHT_AGAIN;
      differing ??= `${each.rules.join('; ')}${differs}`;
    }
    if (differing !== undefined) found.differed.push(differing);
    if (rightInARow < wanted) found.wrong.push(differing!);
  }
  return found;
}

async function compare(t: TestContext): Promise<void> {
  const program = compileProber();
  const cases = allCases(new Random(SEED), CASES).filter(({ rules }) => rules.join('\n').includes(ONLY));
  const left = cases.values();
  const all = await Promise.all(Array.from({ length: PAIRS }, () => comparePair(t, program, left)));
  const sum = (of: 'changing' | 'tried'): number => all.reduce((total, found) => total + found[of], 0);
  const wrong = all.flatMap(found => found.wrong);
  const differed = all.flatMap(found => found.differed);
  t.diagnostic(
    `${cases.length} cases, ${sum('changing')} with another number of packets than the first, ${sum('tried')} tries`,
  );
  for (const differing of differed) t.diagnostic(`differed once: ${differing}`);
  assert.equal(wrong.length, 0, `${wrong.length} differ:\n${wrong.slice(0, 40).join('\n')}`);
  assert.ok(differed.length <= MAX_DIFFERING_CASES, `${differed.length} differed once`);
  assert.ok(ONLY !== '' || (cases.length >= CASES_AT_LEAST && sum('changing') > CASES_AT_LEAST / 2));
  assert.ok(cases.length > 0);
}

kernelTest(
  `${CASES} cases of rules let through, refuse and change what those of iptables do`,
  compare,
  'iptables-nft-restore',
  'gcc',
);
