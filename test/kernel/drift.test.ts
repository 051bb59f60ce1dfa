// What others change in a namespace is mended at once: in one of some, by the whole loop but for Docker.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Reconciler } from '../../src/labels/controller/reconciler.js';
import type { SandboxDesired } from '../../src/labels/diff/state.js';
import { IP_FORWARD, IPV6_FORWARDING } from '../../src/labels/diff/sysctls.js';
import type { ContainerView } from '../../src/labels/discovery/container.js';
import { openEar } from '../../src/labels/drift/drift-events.js';
import { DriftWatch } from '../../src/labels/drift/drift-watch.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { kernelTest, type Namespace } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

const wanted = (ns: Namespace): SandboxDesired =>
  desire(ns, {
    table: accepting(80),
    sysctls: [IP_FORWARD, IPV6_FORWARDING],
    routes: [...withFallback('0.0.0.0/0', '10.9.0.3'), ...withFallback('10.20.0.0/16', '10.9.0.3')],
  });

function viewOf({ netns }: SandboxDesired, n: number): ContainerView {
  const rest = { hostNetwork: false, labels: new Map(), imageLabels: [], attachments: [] };
  return { revision: n, id: `${n}`, name: `c${n}`, netns, ...rest };
}

/** Keeps these namespaces, with no look at them but what events bring. */
async function keep(t: TestContext, namespaces: readonly Namespace[]) {
  const { sandboxes } = await programmer(t);
  // The first socket of a process in a namespace has its id as its port.
  for (const { rt } of namespaces) rt.close();
  const sandboxesWanted = namespaces.map(wanted);
  const looks: string[] = [];
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: line => lines.push(line) });
  const watch = new DriftWatch({
    open: ring => openEar(namespaces[0]!.entry, ring),
    mend: key => reconcile.mend(key),
    log,
    period: 1e9,
  });
  const reconcile: Reconciler = new Reconciler({
    list: async () => sandboxesWanted.map(viewOf),
    *plan() {
      yield;
      watch.want(sandboxesWanted.map(({ netns }) => netns));
      return { sandboxes: sandboxesWanted, hostRoutes: [], diagnostics: [] };
    },
    reconcile: desired => {
      looks.push(desired.netns.key);
      watch.begin(desired.netns.key);
      const outcome = sandboxes.reconcile(desired);
      if (outcome && outcome.changes.length > 0) watch.passOver(desired.netns.key);
      return outcome;
    },
    reconcileHost: () => undefined,
    log,
    resyncInterval: 1e9,
  });
  t.after(() => {
    watch.close();
    reconcile.close();
  });
  reconcile.trigger();
  await reconcile.idle();
  await sleep(100);
  assert.equal(
    looks.length,
    namespaces.length,
    `what it does itself is nothing to look at: ${lines.join('')}`,
  );
  assert.equal(watch.status.reason, undefined);
  return {
    looks,
    watch,
    sandboxes,
    lines,
    isMended: (ns: Namespace) => sandboxes.reconcile(wanted(ns))!.changes.length === 0,
  };
}

const DEEDS: readonly (readonly [string, (ns: Namespace) => void, (ns: Namespace) => boolean])[] = [
  [
    'a ruleset is flushed',
    ns => ns.exec('nft', 'flush', 'ruleset'),
    ns => ns.exec('nft', 'list', 'ruleset').includes('table inet dwgd'),
  ],
  [
    'a route is deleted',
    ns => ns.ip('route', 'del', '10.20.0.0/16', 'via', '10.9.0.3'),
    ns => ns.ip('route').includes('10.20.0.0/16 via 10.9.0.3'),
  ],
  [
    'another takes the place of a route',
    ns => ns.ip('route', 'replace', '10.20.0.0/16', 'via', '10.9.0.4'),
    ns => ns.ip('route').includes('10.20.0.0/16 via 10.9.0.3'),
  ],
  [
    'a policy rule is deleted',
    ns => ns.ip('rule', 'del', 'protocol', '229'),
    ns => ns.ip('rule').match(/proto 229/g)?.length === 5,
  ],
  [
    'an interface goes down and comes back',
    ns => {
      ns.ip('link', 'set', 'eth0', 'down');
      ns.ip('link', 'set', 'eth0', 'up');
    },
    ns => ns.ip('route').includes('10.20.0.0/16 via 10.9.0.3'),
  ],
  ...[IP_FORWARD, IPV6_FORWARDING].map(({ name }) => {
    const path = `/proc/sys/net/${name}`;
    return [
      `${name} is switched off`,
      (ns: Namespace) => void ns.exec('sh', '-c', `echo 0 > ${path}`),
      (ns: Namespace) => ns.exec('cat', path).trim() === '1',
    ] as const;
  }),
];

kernelTest(
  'a namespace that changes without end is not heard, the others are, and it is looked at again',
  async t => {
    const [{ inside }, { inside: other }] = [await container(t), await container(t)];
    const { looks, watch } = await keep(t, [inside, other]);
    const changes = Array.from({ length: 2500 }, () => 'rule add priority 77 table 9\nrule del priority 77');
    execFileSync('ip', ['-n', inside.name, '-batch', '-'], { input: changes.join('\n') });
    await eventually(() => watch.stateOf(inside.netns.key) === 'muted');
    assert.ok(watch.stateOf(other.netns.key) === 'heard');
    await sleep(200);
    looks.length = 0;
    inside.ip('rule', 'del', 'protocol', '229');
    other.exec('nft', 'flush', 'ruleset');
    await eventually(() => other.exec('nft', 'list', 'ruleset').includes('table inet dwgd'));
    assert.deepEqual(looks, [other.netns.key]);
    await eventually(() => inside.ip('rule').match(/proto 229/g)?.length === 5, { within: 50 });
    // Where events were lost it has been looked at before.
    await eventually(() => watch.stateOf(inside.netns.key) === 'heard', { within: 50 });
  },
  'nft',
);

for (const [what, deed, isMended] of DEEDS)
  kernelTest(
    `it is mended at once when ${what}, and nothing else is looked at`,
    async t => {
      const [{ inside }, { inside: other }] = [await container(t), await container(t)];
      const { looks } = await keep(t, [inside, other]);
      assert.ok(isMended(inside));
      looks.length = 0;
      deed(inside);
      await eventually(() => isMended(inside));
      assert.ok(!looks.includes(other.netns.key));
      // Nor does what it changes itself have it look again.
      await sleep(300);
      const { length } = looks;
      assert.ok(length <= 6, `${length} looks`);
      await sleep(500);
      assert.equal(looks.length, length);
    },
    'nft',
  );
