// A table of ours that somebody changes in part, beneath its stamp: what is noticed and put right, and what is let be.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Change } from '../../src/labels/diff/state.js';
import { MAX_DUMP_MESSAGES } from '../../src/netlink/connection.js';
import { match } from '../../src/nft/expression.js';
import type { NftTable } from '../../src/nft/table.js';
import { accepting, container, desire, programmer } from '../support/label-namespace.js';
import { kernelTest, type Namespace } from '../support/namespace.js';

const kinds = (changes: readonly Change[]): string[] => changes.map(({ kind }) => kind);
const ruleset = (ns: Namespace): string => ns.exec('nft', 'list', 'ruleset');
/** With handles; without what moves by itself, and that is how many elements a set has, which newer nft(8) lists. */
const handles = (ns: Namespace): string =>
  ns.exec('nft', '-a', '-s', '-t', 'list', 'table', 'inet', 'dwgd').replace(/\s# count \d+$/gm, '');

for (const [what, command] of [
  ['a chain flushed', 'flush chain inet dwgd input'],
  ['a rule deleted', 'delete rule inet dwgd input handle HANDLE'],
  ['a rule replaced', 'replace rule inet dwgd input handle HANDLE tcp dport 81 accept'],
  ['a rule given a set', 'replace rule inet dwgd input handle HANDLE tcp dport { 80, 81 } accept'],
  ['a rule added', 'insert rule inet dwgd input drop'],
  ['a policy changed', 'chain inet dwgd input { policy drop; }'],
  ['a chain added', 'add chain inet dwgd extra { type filter hook input priority -1; policy drop; }'],
  ['the table made dormant', 'add table inet dwgd { flags dormant; }'],
] as const) {
  for (const when of ['the daemon', 'its next start'] as const) {
    // Without what was known before, rules are counted and not compared.
    const seen = (what !== 'a rule replaced' && what !== 'a rule given a set') || when === 'the daemon';
    kernelTest(
      `${what} by hand beneath the stamp is ${seen ? 'put right' : 'not noticed'} by ${when}`,
      async t => {
        const { inside } = await container(t);
        const [first, second] = [await programmer(t), await programmer(t)];
        const desired = desire(inside, { table: accepting(80) });
        first.sandboxes.reconcile(desired);
        first.sandboxes.recordBaselines();
        const whole = ruleset(inside);
        const handle = /dport 80 .*# handle (\d+)/.exec(handles(inside))![1]!;
        inside.exec('nft', command.replace('HANDLE', handle));
        assert.notEqual(ruleset(inside), whole);
        const { sandboxes } = when === 'the daemon' ? first : second;
        assert.deepEqual(kinds(sandboxes.reconcile(desired)!.changes), seen ? ['replaceTable'] : []);
        if (seen) assert.equal(ruleset(inside), whole);
        assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
      },
      'nft',
    );
  }
}

kernelTest(
  'a rule whose set became another one of the same name, and a quota that became another, are noticed',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const [chain] = accepting(80).chains;
    const left = { payload: { protocol: 'tcp', field: 'dport' } };
    const rules = [
      { expr: [{ match: { op: '==', left, right: { set: [80, 82] } } }, { accept: null }] },
      { expr: [{ quota: { val: 100, val_unit: 'bytes' } }, { accept: null }] },
    ] as const;
    const desired = desire(inside, { table: { ...accepting(80), chains: [{ ...chain!, rules }] } });
    assert.deepEqual(sandboxes.reconcile(desired)!.failures, []);
    sandboxes.recordBaselines();
    const whole = ruleset(inside);
    for (const [old, ...next] of [
      ['dport', 'tcp dport { 80, 81 } accept', 'tcp dport { 80, 83 } accept'],
      ['quota', 'quota 200 bytes accept'],
    ] as const) {
      const handle = new RegExp(`${old} .*# handle (\\d+)`).exec(handles(inside))![1]!;
      for (const rule of next) inside.exec('nft', `replace rule inet dwgd input handle ${handle} ${rule}`);
      assert.deepEqual(kinds(sandboxes.reconcile(desired)!.changes), ['replaceTable'], old);
      sandboxes.recordBaselines();
      assert.equal(ruleset(inside), whole);
    }
  },
  'nft',
);

kernelTest(
  'what the kernel made of a table is learnt by itself soon after, so that a rule that is replaced then is noticed',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = desire(inside, { table: accepting(80) });
    sandboxes.reconcile(desired);
    await sleep(400);
    const handle = /dport 80 .*# handle (\d+)/.exec(handles(inside))![1]!;
    inside.exec('nft', `replace rule inet dwgd input handle ${handle} tcp dport 81 accept`);
    assert.deepEqual(kinds(sandboxes.reconcile(desired)!.changes), ['replaceTable']);
  },
  'nft',
);

kernelTest(
  'tables of others, and what counts packets, leave ours as it is: its handles stay, also by the next start',
  async t => {
    const { inside } = await container(t);
    const [{ sandboxes }, next] = [await programmer(t), await programmer(t)];
    const source = { payload: { protocol: 'ip', field: 'saddr' } };
    const [chain] = accepting(80).chains;
    const table: NftTable = {
      ...accepting(80),
      sets: [{ name: 'knocked', type: 'ipv4_addr', flags: ['timeout'], timeout: 600, size: 99 }],
      chains: [
        {
          ...chain!,
          rules: [
            ...chain!.rules,
            { expr: [{ counter: null }, { quota: { val: 100, val_unit: 'bytes' } }] },
            { expr: [{ limit: { rate: 1, per: 'hour' } }, { counter: null }] },
            { expr: [{ 'ct count': { val: 1 } }, { counter: null }] },
            { expr: [match({ numgen: { mode: 'inc', mod: 3 } }, '==', 1), { counter: null }] },
            { expr: [{ set: { op: 'update', elem: source, set: '@knocked' } }] },
            { expr: [{ meter: { name: 'seen', key: source, stmt: { limit: { rate: 1, per: 'hour' } } } }] },
          ],
        },
      ],
    };
    const desired = desire(inside, { table });
    assert.deepEqual(sandboxes.reconcile(desired)!.failures, []);
    const before = handles(inside);
    inside.exec('ping', '-q', '-c', '2', '-i', '0.01', '127.0.0.1');
    for (const command of [
      'add table ip own; add chain ip own c { type filter hook input priority 0; }',
      'add table inet own; add chain inet own input { type filter hook input priority 0; }',
      'add rule inet own input accept',
      'flush table inet own',
      'delete table inet own',
    ]) {
      inside.exec('nft', command);
      assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] }, command);
    }
    assert.deepEqual(next.sandboxes.reconcile(desired), { changes: [], failures: [] });
    assert.equal(handles(inside), before);
    assert.match(inside.exec('nft', 'list', 'table', 'inet', 'dwgd'), /counter packets [1-9]/);
    assert.match(inside.exec('nft', 'list', 'set', 'inet', 'dwgd', 'knocked'), /127\.0\.0\.1/);
    inside.exec('nft', 'flush chain inet dwgd input');
    assert.deepEqual(kinds(sandboxes.reconcile(desired)!.changes), ['replaceTable']);
  },
  'nft',
  'ping',
);

kernelTest(
  'a table that somebody made dormant goes with the labels',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    sandboxes.reconcile(desire(inside, { table: accepting(80) }));
    inside.exec('nft', 'add table inet dwgd { flags dormant; }');
    assert.deepEqual(sandboxes.clear(inside.ref)?.failures, []);
    assert.equal(ruleset(inside), '');
  },
  'nft',
);

/** A script that makes more than is read, each line with its number. */
const beyond = (line: (n: number) => string): string =>
  Array.from({ length: MAX_DUMP_MESSAGES + 1 }, (_, n) => line(n)).join('\n');

kernelTest(
  'a container that hides a change behind more rules in our table than are read gets the whole table again, once',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = desire(inside, { table: accepting(80) });
    sandboxes.reconcile(desired);
    sandboxes.recordBaselines();
    const table = (): string => inside.exec('nft', 'list', 'table', 'inet', 'dwgd');
    const whole = table();
    const script = `flush chain inet dwgd input\n${beyond(() => 'add rule inet dwgd input accept')}`;
    execFileSync('ip', ['netns', 'exec', inside.name, 'nft', '-f', '-'], { input: script });
    assert.notEqual(table(), whole);
    const outcome = sandboxes.reconcile(desired)!;
    assert.deepEqual(kinds(outcome.changes), ['replaceTable']);
    assert.match(outcome.unreadable!.message, /there are more than 8192$/);
    assert.equal(table(), whole);
    for (let n = 0; n < 3; n++) {
      sandboxes.recordBaselines();
      assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    }
    // Somebody changes the ruleset: while it cannot be told what, the table is put in place anew.
    inside.exec('nft', 'flush chain inet dwgd input');
    assert.deepEqual(kinds(sandboxes.reconcile(desired)!.changes), ['replaceTable']);
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    assert.equal(table(), whole);
  },
  'nft',
);

kernelTest(
  'a container that hides a change behind more chains of its own than are read gets the table again when they are gone',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = desire(inside, { table: accepting(80) });
    sandboxes.reconcile(desired);
    sandboxes.recordBaselines();
    const table = (): string => inside.exec('nft', 'list', 'table', 'inet', 'dwgd');
    const whole = table();
    const script = `add table inet own\n${beyond(n => `add chain inet own c${n}`)}\nflush chain inet dwgd input`;
    execFileSync('ip', ['netns', 'exec', inside.name, 'nft', '-f', '-'], { input: script });
    for (let n = 0; n < 2; n++)
      assert.match(String(sandboxes.reconcile(desired)!.failures[0]), /remove those that the container/);
    assert.notEqual(table(), whole);
    inside.exec('nft', 'delete table inet own');
    assert.deepEqual(sandboxes.reconcile(desired)!.failures, []);
    assert.equal(table(), whole);
  },
  'nft',
);
