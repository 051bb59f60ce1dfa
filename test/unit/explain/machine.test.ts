// What rules of nf_tables do to a packet that nobody has sent, and what is said of those that cannot be judged.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bits } from '../../../src/explain/machine/bits.js';
import { knownBits } from '../../../src/explain/machine/bits.js';
import { Packet, type PacketQuestion } from '../../../src/explain/machine/first-packet.js';
import {
  type Instruction,
  type ListedChain,
  type ListedRule,
  placeKey,
  type Ruleset,
  type SetElement,
} from '../../../src/explain/machine/instruction.js';
import type { MachineWorld } from '../../../src/explain/machine/run.js';
import { lookUpInSet } from '../../../src/explain/machine/sets.js';
import { fullBudget, runHook } from '../../../src/explain/machine/traversal.js';
import { nameDecider } from '../../../src/explain/machine/wording.js';
import { finish } from '../../../src/netlink/work.js';
import { address } from '../../support/label-world.js';

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const name = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.alloc(16 - text.length)]);
const word = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
};

/** Instructions by short words, as `nft --debug=netlink` has them. */
const meta = (key: number, reg = 0): Instruction => ({ op: 'meta', reg, key });
const ct = (key: number): Instruction => ({ op: 'ct', reg: 0, key });
const payload = (base: number, offset: number, length: number, dreg = 0): Instruction => ({
  ...{ op: 'payload', base, offset, length, dreg },
});
const is = (value: Buffer, how: 'eq' | 'neq' | 'lt' | 'gte' = 'eq'): Instruction => ({
  op: 'cmp',
  sreg: 0,
  is: how,
  value,
});
const mask = (bits: Buffer): Instruction => ({
  op: 'bitwise',
  sreg: 0,
  dreg: 0,
  mask: bits,
  xor: Buffer.alloc(bits.length),
});
const put = (value: Buffer, dreg = 0): Instruction => ({ op: 'immediate', dreg, value });
const range = (from: Buffer, to: Buffer): Instruction => ({
  op: 'range',
  sreg: 0,
  inverted: false,
  from,
  to,
});
const verdict = (kind: 'accept' | 'drop' | 'return' | 'queue'): Instruction => ({
  op: 'verdict',
  verdict: { kind },
});
const jump = (chain: string, kind: 'jump' | 'goto' = 'jump'): Instruction => ({
  op: 'verdict',
  verdict: { kind, chain },
});
const other: Instruction = { op: 'other', name: 'limit' };
const [drop, accept, back] = [verdict('drop'), verdict('accept'), verdict('return')] as const;
const dport = payload(2, 2, 2);
const daddr = payload(1, 16, 4);
const sport = payload(2, 0, 2);
const port = (number: number): Buffer => bytes(number >> 8, number & 255);
const inSet = (set: string, dreg?: number | 'verdict'): Instruction => ({
  ...{ op: 'lookup', set, sreg: 0, inverted: false },
  ...(dreg !== undefined && { dreg }),
});

const SETS: Readonly<
  Record<string, { isInterval: boolean; parts?: readonly number[]; elements: readonly SetElement[] }>
> = {
  ports: { isInterval: false, elements: [{ key: port(80) }, { key: port(443) }] },
  nets: {
    isInterval: true,
    elements: [
      { key: bytes(10, 1, 0, 0) },
      { key: bytes(10, 2, 0, 0), isEnd: true },
      { key: bytes(10, 9, 0, 0) },
    ],
  },
  pairs: {
    ...{ isInterval: true, parts: [4, 2] },
    elements: [
      {
        key: Buffer.concat([bytes(10, 1, 0, 0), port(80), bytes(0, 0)]),
        keyEnd: Buffer.concat([bytes(10, 1, 0, 9), port(90), bytes(0, 0)]),
      },
    ],
  },
  verdicts: {
    isInterval: false,
    elements: [
      { key: port(80), verdict: { kind: 'drop' } },
      { key: port(443), verdict: { kind: 'jump', chain: 'other' } },
    ],
  },
  limited: { isInterval: false, elements: [{ key: port(80), isConditional: true }] },
  addresses: { isInterval: false, elements: [{ key: port(80), data: bytes(10, 5, 0, 1) }] },
  rest: {
    isInterval: false,
    elements: [{ key: Buffer.alloc(0), isCatchAll: true, verdict: { kind: 'drop' } }],
  },
};

const world: MachineWorld = {
  typeOf: ({ bytes: [first] }) => (first === 127 ? 2 : 1),
  addressOf: (): Bits => knownBits([192, 168, 0, 2]),
  elements: (rule, set) => {
    const found = SETS[set];
    return (
      found && {
        set: { ...found, name: set, family: rule.family, table: rule.table },
        elements: found.elements,
      }
    );
  },
  lookUp: lookUpInSet,
};

type Rules = readonly (readonly Instruction[])[];

function rulesetOf(
  rules: Rules,
  base: Partial<NonNullable<ListedChain['base']>>,
  others: Readonly<Record<string, Rules>>,
): Ruleset {
  const at = { family: 'inet', table: 'filter' } as const;
  const listed = (chain: string, list: Rules): ListedRule[] =>
    list.map((instructions, n) => ({ ...at, chain, number: n + 1, instructions }));
  const chain: ListedChain = {
    ...{ ...at, name: 'main' },
    base: { hook: 'output', priority: 0, type: 'filter', isDropping: false, ...base },
  };
  const all = Object.entries({ main: rules, ...others });
  return {
    chains: [chain],
    rules: new Map(all.map(([chain, list]) => [placeKey('inet', 'filter', chain), listed(chain, list)])),
    sets: new Map(),
  };
}

/** What happens, a word each; and whether it passes. */
function happens(
  rules: Rules,
  base: Partial<NonNullable<ListedChain['base']>> = {},
  others: Readonly<Record<string, Rules>> = {},
  question: Partial<PacketQuestion> = {},
): { said: string; packet: Packet } {
  const packet = new Packet({ to: address('10.1.0.7'), protocol: 'tcp', port: 80, ...question });
  packet.setAddress('source', knownBits([10, 0, 0, 2]));
  packet.oif = { index: 2, name: 'eth0' };
  const { hook = 'output' } = base;
  const ruleset = rulesetOf(rules, base, others);
  const { passes, events } = finish(runHook(hook, packet, { ruleset, world, budget: fullBudget() }));
  const words = events.map(event => ('by' in event ? `${event.kind} ${nameDecider(event.by)}` : event.kind));
  return {
    said: [...words, passes ? 'passes' : 'ends'].join('; ').replaceAll(' of chain inet filter', ' of'),
    packet,
  };
}

const FIRST = 'rule 1 of main';
const CASES: readonly (readonly [what: string, said: string, ...parts: Parameters<typeof happens>])[] = [
  ['nothing: it passes', 'passes', []],
  ['a drop ends it', `dropped ${FIRST}; ends`, [[drop]]],
  ['an accept before a drop saves it', 'passes', [[accept], [drop]]],
  [
    'the policy drops what nothing accepts',
    'dropped the policy of main; ends',
    [[is(bytes(1))]],
    { isDropping: true },
  ],
  ['a link by name', `dropped ${FIRST}; ends`, [[meta(7), is(name('eth0')), drop]]],
  ['another link by name', 'passes', [[meta(7), is(name('wg0')), drop]]],
  ['the beginning of names', `dropped ${FIRST}; ends`, [[meta(7), is(Buffer.from('eth')), drop]]],
  ['the protocol', `dropped ${FIRST}; ends`, [[meta(16), is(bytes(6)), drop]]],
  ['another protocol', 'passes', [[meta(16), is(bytes(17)), drop]]],
  ['IPv6 alone', 'passes', [[meta(15), is(bytes(10)), drop]]],
  ['a port', `dropped ${FIRST}; ends`, [[dport, is(port(80)), drop]]],
  ['every port but this', 'passes', [[dport, is(port(80), 'neq'), drop]]],
  ['a range of ports', `dropped ${FIRST}; ends`, [[dport, range(port(1), port(100)), drop]]],
  ['a port from some number on', 'passes', [[dport, is(port(81), 'gte'), drop]]],
  [
    'a network by a mask',
    `dropped ${FIRST}; ends`,
    [[daddr, mask(bytes(255, 255, 0, 0)), is(bytes(10, 1, 0, 0)), drop]],
  ],
  [
    'another network by a mask',
    'passes',
    [[daddr, mask(bytes(255, 255, 0, 0)), is(bytes(10, 2, 0, 0)), drop]],
  ],
  ['a new connection', `dropped ${FIRST}; ends`, [[ct(0), mask(word(8)), is(word(0), 'neq'), drop]]],
  ['an established one', 'passes', [[ct(0), mask(word(6)), is(word(0), 'neq'), drop]]],
  ['before tracking there is no state', 'passes', [[ct(0), is(word(8)), drop]], { priority: -300 }],
  ['before tracking there is no mark of it', 'passes', [[ct(3), is(word(0)), drop]], { priority: -300 }],
  [
    'an untracked one',
    `dropped rule 2 of main; ends`,
    [[{ op: 'notrack' }], [ct(0), is(word(64)), drop]],
    { priority: -300 },
  ],
  [
    'a mark of an earlier rule',
    `marked ${FIRST}; dropped rule 2 of main; ends`,
    [
      [put(word(7)), { op: 'set meta', reg: 0, key: 3 }],
      [meta(3), is(word(7)), drop],
    ],
  ],
  ['a set', `dropped ${FIRST}; ends`, [[dport, inSet('ports'), drop]]],
  ['an interval', `dropped ${FIRST}; ends`, [[daddr, inSet('nets'), drop]]],
  ['beside an interval', 'passes', [[daddr, inSet('nets'), drop]], {}, {}, { to: address('10.2.0.0') }],
  [
    'the last interval has no end',
    `dropped ${FIRST}; ends`,
    [[daddr, inSet('nets'), drop]],
    {},
    {},
    { to: address('250.0.0.1') },
  ],
  ['ranges of parts', `dropped ${FIRST}; ends`, [[daddr, payload(2, 2, 2, 4), inSet('pairs'), drop]]],
  [
    'one part out of its range',
    'passes',
    [[daddr, payload(2, 2, 2, 4), inSet('pairs'), drop]],
    {},
    {},
    { port: 91 },
  ],
  ['a set that cannot be read', `may drop ${FIRST}; passes`, [[dport, inSet('huge'), drop]]],
  ['a map of verdicts', `dropped ${FIRST}; ends`, [[dport, inSet('verdicts', 'verdict')]]],
  [
    'a map of verdicts that jumps',
    `dropped rule 1 of other; ends`,
    [[dport, inSet('verdicts', 'verdict')]],
    {},
    { other: [[drop]] },
    { port: 443 },
  ],
  ['a map of verdicts without it', 'passes', [[dport, inSet('verdicts', 'verdict')]], {}, {}, { port: 81 }],
  ['all that is not in a map', `dropped ${FIRST}; ends`, [[dport, inSet('rest', 'verdict')]]],
  [
    'a jump comes back',
    `dropped rule 2 of main; ends`,
    [[jump('other')], [drop]],
    {},
    { other: [[back], [accept]] },
  ],
  ['a goto does not', 'passes', [[jump('other', 'goto')], [drop]], {}, { other: [] }],
  [
    'a goto ends with the policy',
    'dropped the policy of main; ends',
    [[jump('other', 'goto')]],
    { isDropping: true },
    { other: [[back]] },
  ],
  ['an accept in another chain', 'passes', [[jump('other')], [drop]], {}, { other: [[accept]] }],
  ['chains that jump in a circle end', 'passes', [[jump('other')]], {}, { other: [[jump('other')]] }],
  ['a limit may drop', `may drop ${FIRST}; passes`, [[other, drop]]],
  ['a limit may accept: what follows may drop', 'may drop rule 2 of main; passes', [[other, accept], [drop]]],
  [
    'after a may the policy may drop',
    'may drop the policy of main; passes',
    [[other, accept]],
    { isDropping: true },
  ],
  ['a return that may be', 'may drop rule 2 of main; passes', [[other, back], [drop]]],
  [
    'a return that may be ends with its chain',
    'dropped rule 2 of main; ends',
    [[jump('other')], [drop]],
    {},
    { other: [[other, back]] },
  ],
  [
    'in a chain that it may jump to',
    'may drop rule 1 of other; passes',
    [[other, jump('other')]],
    {},
    { other: [[drop]] },
  ],
  ['what is surely not for it needs no limit', 'passes', [[other, dport, is(port(81)), drop]]],
  ['a source port is not known', `may drop ${FIRST}; passes`, [[sport, is(port(80)), drop]]],
  ['a program decides', `may decide ${FIRST}; passes`, [[verdict('queue')]]],
  ['a reject drops', `dropped ${FIRST}; ends`, [[{ op: 'reject' }]]],
  ['a counter does nothing', `dropped ${FIRST}; ends`, [[{ op: 'neutral' }, drop]]],
  ['an address of its own', 'passes', [[{ op: 'fib', dreg: 0, result: 3, flags: 2 }, is(word(2)), drop]]],
  [
    'an address of its own: loopback',
    `dropped ${FIRST}; ends`,
    [[{ op: 'fib', dreg: 0, result: 3, flags: 2 }, is(word(2)), drop]],
    {},
    {},
    { to: address('127.0.0.1') },
  ],
  ['a SYN', `dropped ${FIRST}; ends`, [[payload(2, 13, 1), mask(bytes(0x12)), is(bytes(2)), drop]]],
  [
    'an echo request',
    `dropped ${FIRST}; ends`,
    [[payload(2, 0, 1), is(bytes(8)), drop]],
    {},
    {},
    { protocol: 'icmp' },
  ],
  [
    'chains of another family',
    'passes',
    [[meta(15), is(bytes(2)), drop]],
    {},
    {},
    { to: address('fd00::1') },
  ],
];
for (const [what, said, ...parts] of CASES)
  test(`${what}: ${said}`, () => {
    assert.equal(happens(...parts).said, said);
  });

const nat = (to: Buffer, port?: Buffer): Instruction[] => [
  put(to),
  ...(port ? [put(port, 16)] : []),
  {
    ...{ op: 'nat', isSource: false, family: 2, flags: 0, address: [0, 0] },
    ...(port && { port: [16, 16] as const }),
  },
];

test('a destination is translated once, and the connection says so', () => {
  const { said, packet } = happens([nat(bytes(10, 5, 0, 1), port(8080)), nat(bytes(10, 6, 0, 1))], {
    type: 'nat',
  });
  assert.equal(said, 'translated rule 1 of main; passes');
  assert.deepEqual(
    [[...packet.address('destination').value], packet.port, packet.status],
    [[10, 5, 0, 1], 8080, 32],
  );
});

test('a map says where it is translated to', () => {
  const { packet } = happens(
    [[dport, inSet('addresses', 0), { op: 'nat', isSource: false, family: 2, flags: 0, address: [0, 0] }]],
    { type: 'nat' },
  );
  assert.deepEqual([...packet.address('destination').value], [10, 5, 0, 1]);
});

test('a range of ports to others keeps the distance, with the base that the kernel has', () => {
  const shift: Instruction = {
    op: 'nat',
    isSource: false,
    family: 2,
    flags: 32,
    address: [0, 0],
    port: [16, 20],
  };
  const { packet } = happens(
    [[put(bytes(10, 5, 0, 1)), put(port(9000), 16), put(port(9009), 20), shift]],
    { type: 'nat' },
    {},
    { port: 8083 },
  );
  assert.equal(packet.port, 9003);
});

test('what may be translated stays as it is, and is told', () => {
  const { said, packet } = happens([[other, ...nat(bytes(10, 5, 0, 1))]], { type: 'nat' });
  assert.equal(said, 'may translate rule 1 of main; passes');
  assert.deepEqual([...packet.address('destination').value], [10, 1, 0, 7]);
});

test('masquerading takes the address of the link, and a source port that is not known', () => {
  const { packet } = happens([[{ op: 'masquerade' }]], { type: 'nat', hook: 'postrouting', priority: 100 });
  assert.deepEqual([...packet.address('source').value], [192, 168, 0, 2]);
  assert.equal(packet.transport.known.readUInt16BE(0), 0);
});

test('what is not tracked is not translated', () => {
  const ruleset = rulesetOf([nat(bytes(10, 5, 0, 1))], { type: 'nat' }, {});
  const packet = new Packet({ to: address('10.1.0.7'), protocol: 'udp', port: 53 });
  packet.isUntracked = true;
  assert.deepEqual(finish(runHook('output', packet, { ruleset, world, budget: fullBudget() })).events, []);
});

test('more rules than anybody waits for are told, whatever they are', () => {
  const many = Array.from({ length: 300 }, () => [jump('b')]);
  const { said } = happens(
    many,
    {},
    { b: Array.from({ length: 300 }, () => [jump('c')]), c: [[{ op: 'neutral' }]] },
  );
  assert.equal(said, 'too many; passes');
});

test('a mark that a rule may set is not known any more', () => {
  const { packet } = happens([[other, put(word(7)), { op: 'set meta', reg: 0, key: 3 }]]);
  assert.equal(packet.mark.known.readUInt32LE(), 0);
});

test('names that a namespace has chosen are printed in ASCII, and shortened', () => {
  const rule = {
    family: 'ip',
    table: '\u001b[31m',
    chain: 'x'.repeat(300),
    number: 3,
    instructions: [],
  } as const;
  assert.match(nameDecider({ rule }), /^rule 3 of chain ip \\u\{1b\}\[31m x{128}…$/);
});

test('a rule of a label goes by its name, and a closed container by the label that closes it', () => {
  const rule = {
    family: 'inet',
    table: 'dwgd',
    chain: 'TWINE_OUTPUT',
    number: 1,
    comment: 'blockAll',
    instructions: [],
  } as const;
  assert.equal(nameDecider({ rule }), 'rule blockAll');
  assert.match(nameDecider({ rule: { ...rule, chain: 'strict-output' } }), /^the strict label/);
});

const setMark: Rules[number] = [put(word(7)), { op: 'set meta', reg: 0, key: 3 }];
const dropMarked: Rules[number] = [meta(3), is(word(7)), drop];

for (const [what, first, second, said] of [
  ['the second drops', [[accept]], [[drop]], 'dropped rule 1 of chain ip b main; ends'],
  ['the second sets a mark and drops', [[accept]], [setMark, [drop]], 'marked rule 1 of chain ip b main; dr'],
  ['one sets a mark and the other drops what bears it', [dropMarked], [setMark], 'order; '],
  [
    'one sets a mark and the other drops all',
    [[drop]],
    [setMark],
    'marked rule 1 of chain ip b main; dropped',
  ],
  ['the second sets a mark that it does not get to', [[accept]], [[accept], setMark], 'passes'],
] as const) {
  test(`where chains of two tables have one priority and ${what}, which is first ${said.startsWith('order') ? 'is not known' : 'does not matter'}`, () => {
    const own = rulesetOf(first as Rules, {}, {});
    const [chain] = own.chains as [ListedChain];
    const key = placeKey('ip', 'b', 'main');
    const rules = (second as Rules).map(
      (instructions, n): ListedRule => ({
        ...{ family: 'ip', table: 'b', chain: 'main', number: n + 1, instructions },
      }),
    );
    const ruleset = {
      ...own,
      chains: [chain, { ...chain, family: 'ip' as const, table: 'b' }],
      rules: new Map([...own.rules, [key, rules]]),
    };
    const packet = new Packet({ to: address('10.1.0.7'), protocol: 'tcp', port: 80 });
    const { events, passes } = finish(runHook('output', packet, { ruleset, world, budget: fullBudget() }));
    const words = events.map(each => ('by' in each ? `${each.kind} ${nameDecider(each.by)}` : each.kind));
    const whole = [...words, passes ? 'passes' : 'ends'].join('; ');
    assert.ok(whole.startsWith(said), whole);
  });
}

test('of an element with a limit of its own it is not known whether it matches', () => {
  const key = knownBits(port(80));
  assert.equal(lookUpInSet(SETS.limited!, SETS.limited!.elements, key).found, undefined);
});
