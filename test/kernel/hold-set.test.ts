// The hold as the kernel has it: who is entered and for how long, what passes, what others do to the table, a second daemon.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { HeldSet } from '../../src/labels/hold/held-set.js';
import { type HeldEndpoint, MAX_HELD } from '../../src/labels/hold/hold-table.js';
import { HostBridges } from '../../src/labels/hold/host-bridges.js';
import { Nft } from '../../src/nft/client.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

const at = (n: number): HeldEndpoint => ({ bridge: 'br-test', mac: `02:42:0a:00:00:0${n}` });
const [PASSES, DROPPED] = [true, false] as const;

interface Elem {
  readonly elem: { readonly val: string | { readonly concat: readonly string[] }; readonly timeout?: number };
}

async function host(t: TestContext) {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  const heldSet = (): HeldSet => new HeldSet({ within: fn => ns.within(fn) }, nft);
  /** The elements of a set, each with the seconds for which it was entered. */
  const elements = (set: string): string[] => {
    const { nftables } = JSON.parse(ns.exec('nft', '-j', 'list', 'set', 'inet', 'dwgd', set)) as {
      nftables: { set?: { timeout: number; elem?: readonly (Elem | string | { concat: string[] })[] } }[];
    };
    const found = nftables.flatMap(({ set: one }) => (one ? [one] : []))[0]!;
    return (found.elem ?? [])
      .map(one => {
        const { val, timeout = found.timeout } =
          typeof one === 'object' && 'elem' in one ? one.elem : { val: one, timeout: undefined };
        return `${typeof val === 'string' ? val : val.concat.join(' ')} ${timeout}`;
      })
      .sort();
  };
  return { ns, heldSet, elements };
}

/** A bridge of the host with two containers on it, and a world beyond: whether what a container sends comes there. */
async function bridge(t: TestContext, ns: Namespace) {
  const [world, ...containers] = await Promise.all([1, 2, 3].map(() => Namespace.create(t)));
  ns.ip('link', 'add', 'br-test', 'type', 'bridge');
  ns.ip('address', 'add', '10.9.0.1/24', 'dev', 'br-test');
  ns.ip('link', 'set', 'br-test', 'up');
  ns.veth('to-world', world!, 'eth0');
  ns.ip('address', 'add', '10.8.0.1/24', 'dev', 'to-world');
  world!.ip('address', 'add', '10.8.0.2/24', 'dev', 'eth0');
  world!.ip('route', 'add', 'default', 'via', '10.8.0.1');
  ns.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  for (const [n, inside] of containers.entries()) {
    ns.veth(`port${n + 1}`, inside, 'eth0');
    ns.ip('link', 'set', `port${n + 1}`, 'master', 'br-test');
    inside.ip('link', 'set', 'eth0', 'address', at(n + 1).mac);
    inside.ip('address', 'add', `10.9.0.1${n + 1}/24`, 'dev', 'eth0');
    inside.ip('route', 'add', 'default', 'via', '10.9.0.1');
  }
  /** For each container whether the world and the host answer it. */
  return (): boolean[][] =>
    containers.map(inside =>
      ['10.8.0.2', '10.9.0.1'].map(address => {
        try {
          inside.exec('ping', '-n', '-c', '1', '-W', '1', address);
          return true;
        } catch {
          return false;
        }
      }),
    );
}

kernelTest(
  'one is held for a time, renewed, and let go; letting go of one that is not held is no error',
  async t => {
    const { heldSet, elements } = await host(t);
    const set = heldSet();
    set.open();
    assert.deepEqual(['held', 'guarded', 'known'].map(elements), [[], [], []]);
    set.add([at(1), at(2)]);
    set.add([at(1)]);
    assert.deepEqual(elements('held'), [`br-test ${at(1).mac} 30`, `br-test ${at(2).mac} 30`]);
    set.delete([at(1)]);
    set.delete([at(1), at(3)]);
    assert.deepEqual(elements('held'), [`br-test ${at(2).mac} 30`]);
    set.retainOnly([at(4)]);
    assert.deepEqual(elements('held'), [`br-test ${at(4).mac} 30`]);
    set.retainOnly([]);
    assert.deepEqual(elements('held'), []);
    for (let n = 0; n < 2; n++) set.guard('br-test', [at(5)]);
    assert.deepEqual([elements('guarded'), elements('known')], [['br-test 30'], [`br-test ${at(5).mac} 30`]]);
    for (let n = 0; n < 2; n++) set.unguard('br-test');
    assert.deepEqual(elements('guarded'), []);
    assert.deepEqual([set.remove(), set.remove()], [true, false]);
  },
  'nft',
);

kernelTest(
  'a thousand and more are entered at once',
  async t => {
    const { heldSet, elements } = await host(t);
    const set = heldSet();
    set.open();
    const many = Array.from({ length: MAX_HELD }, (_, n) => ({
      bridge: 'br-test',
      mac: `02:42:0a:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
    }));
    set.retainOnly(many);
    set.guard('br-test', many);
    assert.deepEqual([elements('held').length, elements('known').length], [MAX_HELD, MAX_HELD]);
  },
  'nft',
);

kernelTest(
  'nothing passes of one that is held, nor of one that is new on a guarded bridge',
  async t => {
    const { ns, heldSet } = await host(t);
    const answered = await bridge(t, ns);
    const set = heldSet();
    set.open();
    const [free, closed] = [
      [PASSES, PASSES],
      [DROPPED, DROPPED],
    ];
    assert.deepEqual(answered(), [free, free]);
    set.add([at(1)]);
    assert.deepEqual(answered(), [closed, free]);
    set.delete([at(1)]);
    set.guard('br-test', [at(2)]);
    assert.deepEqual(answered(), [closed, free]);
    // One that is held is so though it was known.
    set.add([at(2)]);
    set.unguard('br-test');
    assert.deepEqual(answered(), [free, closed]);
    set.guard('br-other', []);
    set.retainOnly([]);
    assert.deepEqual(answered(), [free, free]);
  },
  'nft',
  'ping',
);

for (const { what, damage } of [
  { what: 'deleted', damage: 'delete table inet dwgd' },
  { what: 'flushed with all others', damage: 'flush ruleset' },
  { what: 'without its rules', damage: 'flush table inet dwgd' },
  { what: 'with a chain that lets all pass', damage: 'insert rule inet dwgd forward accept' },
  {
    what: 'replaced by another of its name',
    damage:
      'delete table inet dwgd; add table inet dwgd; add set inet dwgd held { type ipv4_addr; }; add chain inet dwgd forward',
  },
] as const) {
  kernelTest(
    `a table that is ${what} is made anew for the next one, and those who are held are held in it`,
    async t => {
      const { ns, heldSet, elements } = await host(t);
      const set = heldSet();
      set.open();
      const rules = (): string => ns.exec('nft', '-s', 'list', 'chain', 'inet', 'dwgd', 'forward');
      const whole = rules();
      set.add([at(1)]);
      ns.exec('nft', damage);
      set.add([at(2)]);
      assert.deepEqual(elements('held'), [`br-test ${at(1).mac} 30`, `br-test ${at(2).mac} 30`]);
      assert.equal(rules(), whole);
    },
    'nft',
  );
}

kernelTest(
  'another daemon takes over who is held, and tables of others stay as they are',
  async t => {
    const { ns, heldSet, elements } = await host(t);
    const others =
      'add table inet other; add set inet other held { type ipv4_addr; elements = { 192.0.2.1 }; }; add chain inet other forward { type filter hook forward priority 0; }; add rule inet other forward ip saddr @held drop; add table ip dwgd; add chain ip dwgd closed';
    ns.exec('nft', others);
    const list = (): string[] =>
      ['inet other', 'ip dwgd'].map(table => ns.exec('nft', `list table ${table}`));
    const before = list();
    const first = heldSet();
    first.open();
    first.add([at(1), at(2)]);
    const second = heldSet();
    second.open();
    assert.deepEqual(elements('held'), [`br-test ${at(1).mac} 30`, `br-test ${at(2).mac} 30`]);
    second.retainOnly([at(2)]);
    assert.deepEqual(elements('held'), [`br-test ${at(2).mac} 30`]);
    second.remove();
    assert.deepEqual(list(), before);
    ns.exec(
      'nft',
      'add table inet dwgd; add chain inet dwgd stamp; add rule inet dwgd stamp counter comment "sha256"',
    );
    assert.throws(() => heldSet().open(), /another dwgd applies labels to/);
    assert.equal(heldSet().remove(), false);
  },
  'nft',
);

kernelTest(
  'who was heard on a bridge, and since when its port is there; a link that is no bridge is none',
  async t => {
    const { ns } = await host(t);
    const answered = await bridge(t, ns);
    const late = await Namespace.create(t);
    const bridges = new HostBridges({ within: fn => ns.within(fn) });
    t.after(() => bridges.close());
    const added: string[] = [];
    let missed: unknown;
    bridges.watch(
      name => {
        added.push(name);
        if (name === 'br-other') throw new Error(name);
      },
      err => {
        missed = err;
      },
    );
    assert.deepEqual(answered().flat(), [PASSES, PASSES, PASSES, PASSES]);
    // Not those of the host's own ends, which say something now and then.
    const heard = (since: number): string[] =>
      bridges
        .heardOn('br-test', since)
        .filter(mac => mac.startsWith('02:42:'))
        .sort();
    assert.deepEqual(heard(5_000), [at(1).mac, at(2).mac]);
    ns.veth('port3', late, 'eth0');
    ns.ip('link', 'set', 'port3', 'master', 'br-test');
    late.ip('link', 'set', 'eth0', 'address', at(3).mac);
    late.ip('address', 'add', '10.9.0.13/24', 'dev', 'eth0');
    late.exec('ping', '-n', '-c', '1', '-W', '1', '10.9.0.1');
    assert.deepEqual(heard(0), [at(1).mac, at(2).mac], 'not told of yet');
    await eventually(() => added.length > 0);
    assert.deepEqual([added, heard(5_000)], [['br-test'], [at(1).mac, at(2).mac]]);
    assert.deepEqual(heard(0), [at(1).mac, at(2).mac, at(3).mac]);
    // Of another bridge nobody was heard.
    ns.ip('link', 'add', 'br-other', 'type', 'bridge');
    assert.deepEqual(bridges.heardOn('br-other', 0), []);
    ns.ip('link', 'set', 'port3', 'master', 'br-other');
    await eventually(() => missed !== undefined);
    assert.equal((missed as Error).message, 'br-other');
    const named = (name: string) =>
      bridges.of({
        ...{ Id: 'n1', Driver: 'bridge', Containers: {} },
        Options: { 'com.docker.network.bridge.name': name },
      });
    assert.deepEqual(['br-test', 'to-world', 'gone'].map(named), ['br-test', undefined, undefined]);
  },
  'ping',
);
