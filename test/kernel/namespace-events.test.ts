// Events of many namespaces by few sockets: whose they are, which come, and more of them than anybody reads.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { openEar } from '../../src/labels/drift/drift-events.js';
import type { Ear } from '../../src/labels/drift/hearing.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

/** What is heard, as `NUMBER WHAT`. */
function listen(t: TestContext, ns: Namespace): { heard: string[]; losses: () => number; events: Ear } {
  const heard: string[] = [];
  let losses = 0;
  const events = openEar(ns.entry, () => {
    if (events.read(({ nsid, what }) => heard.push(`${nsid} ${what}`))) losses++;
  });
  t.after(() => events.close());
  return { heard, losses: () => losses, events };
}

kernelTest(
  'what is changed in a namespace is heard with its number, and nothing of others',
  async t => {
    const [one, two, other] = [
      await Namespace.create(t),
      await Namespace.create(t),
      await Namespace.create(t),
    ];
    const { heard, events } = listen(t, one);
    const numbers = [events.hear(one.ref), events.hear(two.ref)];
    assert.deepEqual(numbers, [1, 2]);
    const after = async (expected: string, change: () => void): Promise<void> => {
      heard.length = 0;
      change();
      await eventually(() => heard.includes(expected));
    };
    for (const [n, ns] of [one, two].entries()) {
      other.exec('nft', 'add', 'table', 'inet', 'unheard');
      await after(`${n + 1} interfaces`, () => ns.ip('link', 'add', 'br0', 'type', 'bridge'));
      await after(`${n + 1} interfaces`, () => ns.ip('link', 'set', 'br0', 'up'));
      await after(`${n + 1} addresses`, () => ns.ip('address', 'add', '10.7.0.1/24', 'dev', 'br0'));
      await after(`${n + 1} ruleset`, () => ns.exec('nft', 'add', 'table', 'inet', 'heard'));
      await after(`${n + 1} ruleset`, () => ns.exec('nft', 'flush', 'ruleset'));
      for (const family of ['-4', '-6'])
        await after(`${n + 1} policy rules`, () =>
          ns.ip(family, 'rule', 'add', 'priority', '9', 'table', '9'),
        );
      for (const network of ['10.9.0.0/16', 'fd09::/64']) {
        ns.ip('route', 'add', 'unreachable', network, 'protocol', '229');
        await after(`${n + 1} routes`, () =>
          ns.ip('route', 'del', 'unreachable', network, 'protocol', '229'),
        );
      }
      ns.ip('route', 'add', '10.9.0.0/16', 'dev', 'br0', 'protocol', '229');
      await after(`${n + 1} routes`, () => ns.ip('route', 'replace', 'unreachable', '10.9.0.0/16'));
      assert.ok(
        heard.every(line => line.startsWith(`${n + 1} `)),
        heard.join(),
      );
    }
  },
  'nft',
);

kernelTest('routes of others that come and go do not come', async t => {
  const ns = await Namespace.create(t);
  const { heard, events } = listen(t, ns);
  ns.ip('link', 'set', 'lo', 'up');
  events.hear(ns.ref);
  ns.ip('route', 'add', '10.9.0.0/16', 'dev', 'lo');
  ns.ip('route', 'del', '10.9.0.0/16', 'dev', 'lo');
  ns.ip('rule', 'add', 'priority', '9', 'table', '9');
  await eventually(() => heard.length > 0);
  assert.deepEqual(heard, ['1 policy rules']);
});

kernelTest('more events than its buffer holds are told as lost, and those after are heard', async t => {
  const ns = await Namespace.create(t);
  const { heard, losses, events } = listen(t, ns);
  events.hear(ns.ref);
  const changes = Array.from({ length: 10_000 }, (_, n) => `link set lo mtu ${2000 + n}`).join('\n');
  // Synchronous: nobody reads meanwhile.
  execFileSync('ip', ['-n', ns.name, '-batch', '-'], { input: changes });
  await eventually(() => losses() > 0);
  assert.equal(losses(), 1);
  heard.length = 0;
  ns.ip('rule', 'add', 'priority', '9', 'table', '9');
  await eventually(() => heard.includes('1 policy rules'));
});

kernelTest('a namespace that is heard is not held, and nothing is left open', async t => {
  const ns = await Namespace.create(t);
  const count = (): number => readdirSync('/proc/self/fd').length;
  const before = count();
  for (let n = 0; n < 20; n++) {
    const events = openEar(ns.entry, () => undefined);
    const opened = count();
    events.hear(ns.ref);
    assert.equal(count(), opened);
    events.close();
    events.close();
    assert.equal(
      events.read(() => assert.fail('it is closed')),
      false,
    );
  }
  assert.equal(count(), before);
});
