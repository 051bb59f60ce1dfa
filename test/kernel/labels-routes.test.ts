// Our routes above Docker's on the real kernel: what a packet takes while they come, change and go, and when the
// gateway does not answer.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { OpError } from '../../src/base/errors.js';
import { formatAddress } from '../../src/base/ip.js';
import { RTPROT_DWGD } from '../../src/base/ownership.js';
import { diff } from '../../src/labels/diff/diff.js';
import type { Change, DesiredRoute } from '../../src/labels/diff/state.js';
import { openConnection } from '../../src/netlink/connection.js';
import type { Message, Request } from '../../src/netlink/message.js';
import { NETLINK_ROUTE } from '../../src/netlink/message.js';
import {
  decodeRule,
  deleteRuleRequest,
  getPolicyRulesRequest,
  newRuleRequest,
} from '../../src/netlink/route/policy-rule.js';
import { address, prefix } from '../support/label-world.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';

const netns = { key: '4:1', path: '' };
const FAMILIES = [
  { family: 'IPv4', all: '0.0.0.0/0', net: '10.9.0.', bits: 24, far: '198.51.100.1' },
  { family: 'IPv6', all: '::/0', net: 'fd09::', bits: 64, far: '2001:db8::1' },
] as const;
type Family = (typeof FAMILIES)[number];

/** A container on a network whose other end is a namespace with Docker's gateway, `…1`, and perhaps more. */
async function container(t: TestContext, { net, bits, all }: Family) {
  const inside = await Namespace.create(t);
  const outside = await Namespace.create(t);
  inside.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside.name);
  for (const ns of [inside, outside]) {
    ns.ip('link', 'set', 'lo', 'up');
    ns.ip('link', 'set', 'eth0', 'up');
  }
  inside.ip('address', 'add', `${net}2/${bits}`, 'dev', 'eth0', ...(bits === 64 ? ['nodad'] : []));
  outside.ip('address', 'add', `${net}1/${bits}`, 'dev', 'eth0', ...(bits === 64 ? ['nodad'] : []));
  const docker = [all, 'via', `${net}1`];
  inside.ip('route', 'add', ...docker);
  return { inside, outside };
}

/** What our routes and rules in the namespace are, and the changes to what they shall be. */
async function changes(ns: Namespace, desired: readonly DesiredRoute[]): Promise<Change[]> {
  const ours = ({ protocol }: { readonly protocol: number }): boolean => protocol === RTPROT_DWGD;
  const replies = await rules(ns, getPolicyRulesRequest());
  const observed = {
    before: [],
    hasTable: false,
    sysctls: [],
    routes: (await ns.rt.routes()).filter(ours),
    rules: replies.flatMap(({ payload }) => decodeRule(payload) ?? []).filter(ours),
  };
  return diff({ netns, containers: [], routes: desired, sysctls: [] }, observed);
}

async function apply(ns: Namespace, change: Change): Promise<void> {
  if (change.kind === 'addRoute') await ns.rt.addRoute(change.route, 'prepend');
  else if (change.kind === 'deleteRoute') await ns.rt.deleteRoute(change.route);
  else if (change.kind === 'addRule') await rules(ns, newRuleRequest(change.rule));
  else if (change.kind === 'deleteRule') await rules(ns, deleteRuleRequest(change.rule));
  else assert.fail(change.kind);
}

/** A request about policy rules, on a socket of its own. */
async function rules(ns: Namespace, request: Request): Promise<Message[]> {
  const socket = ns.within(() => openConnection(NETLINK_ROUTE));
  try {
    return socket.request(request, { op: 'asking', subject: 'rules' });
  } finally {
    socket.close();
  }
}

/** The gateway that a packet takes, or `unreachable`. */
async function way({ rt }: Namespace, to: string): Promise<string> {
  try {
    const route = await rt.routeTo(address(to));
    return formatAddress(route!.gateway!);
  } catch (err) {
    assert.ok(err instanceof OpError && err.code === 'EHOSTUNREACH', String(err));
    return 'unreachable';
  }
}

for (const family of FAMILIES) {
  const { all, net, far } = family;
  const by = (n: number): DesiredRoute => ({ network: prefix(all), gateway: address(`${net}${n}`) });
  const fallback: DesiredRoute = { network: prefix(all) };

  /** Brings the routes about; what a packet takes after each step. */
  const become = async (ns: Namespace, routes: readonly DesiredRoute[]): Promise<string[]> => {
    const ways: string[] = [];
    for (const change of await changes(ns, routes)) {
      await apply(ns, change);
      ways.push(await way(ns, far));
    }
    assert.deepEqual(await changes(ns, routes), []);
    return ways;
  };

  kernelTest(`${family.family}: a default route of ours comes, moves and goes without a gap`, async t => {
    const { inside } = await container(t, family);
    assert.equal(await way(inside, far), `${net}1`);
    // What is before the last rule is Docker's as long as the rules are not there.
    const [first, ...steps] = await become(inside, [by(3), fallback]);
    assert.deepEqual([first, steps.at(-2), steps.at(-1)], [`${net}1`, 'unreachable', `${net}3`]);
    for (const [from, to] of [[3, 4] as const, [4, 5] as const]) {
      const ways = await become(inside, [by(to), fallback]);
      assert.ok(
        ways.every(seen => seen === `${net}${from}` || seen === `${net}${to}`),
        ways.join(),
      );
      assert.equal(await way(inside, far), `${net}${to}`);
    }
    assert.deepEqual(await become(inside, [fallback]), ['unreachable']);
    assert.deepEqual(await become(inside, [by(5), fallback]), [`${net}5`]);
    // The last rule goes first, and with it all that is behind it.
    assert.deepEqual([...new Set(await become(inside, []))], [`${net}1`]);
  });

  kernelTest(
    `${family.family}: the fallback stays when the kernel drops the route with its interface`,
    async t => {
      const { inside } = await container(t, family);
      inside.ip('link', 'add', 'br-side', 'type', 'bridge');
      inside.ip('link', 'set', 'br-side', 'up');
      const side = family.bits === 24 ? '10.10.0.2/24' : 'fd10::2/64';
      const gateway = address(family.bits === 24 ? '10.10.0.1' : 'fd10::1');
      inside.ip('address', 'add', side, 'dev', 'br-side', ...(family.bits === 64 ? ['nodad'] : []));
      await become(inside, [{ network: prefix(all), gateway }, fallback]);
      assert.equal(await way(inside, far), formatAddress(gateway));
      inside.ip('link', 'del', 'br-side');
      assert.equal(await way(inside, far), 'unreachable');
    },
  );

  kernelTest(
    `${family.family}: nothing goes by way of Docker when our gateway does not answer`,
    async t => {
      const { inside, outside } = await container(t, family);
      const addFar = ['address', 'add', far, 'dev', 'lo', ...(family.bits === 64 ? ['nodad'] : [])];
      outside.ip(...addFar);
      const ping = (to: string): boolean => {
        try {
          run('ip', 'netns', 'exec', inside.name, 'ping', '-c1', '-W1', to);
          return true;
        } catch {
          return false;
        }
      };
      assert.ok(ping(far), 'Docker leads there');
      await become(inside, [by(3), fallback]);
      // The kernel learns that the gateway is dead, while Docker's is known to be alive.
      for (let n = 0; n < 2; n++) {
        assert.ok(!ping(far));
        assert.ok(ping(`${net}1`));
      }
      assert.notEqual(await way(inside, far), `${net}1`);
    },
    'ping',
  );
}

kernelTest('IPv4: a fallback that was taken away and a route that fell beneath it are put right', async t => {
  const family = FAMILIES[0];
  const { inside } = await container(t, family);
  const wanted = [
    { network: prefix('0.0.0.0/0'), gateway: address('10.9.0.3') },
    { network: prefix('0.0.0.0/0') },
  ];
  const bring = async () => {
    const ways: string[] = [];
    for (const change of await changes(inside, wanted)) {
      await apply(inside, change);
      ways.push(await way(inside, family.far));
    }
    assert.deepEqual(await changes(inside, wanted), []);
    assert.equal(await way(inside, family.far), '10.9.0.3');
    assert.match(
      inside.ip('route', 'show', 'table', '229'),
      /^default via 10\.9\.0\.3 .*\nunreachable default /,
    );
    return ways;
  };
  const fallback = ['unreachable', 'default', 'table', '229', 'proto', String(RTPROT_DWGD)];
  await bring();
  inside.ip('route', 'del', ...fallback);
  assert.ok(!(await bring()).includes('10.9.0.1'));
  inside.ip('route', 'del', ...fallback);
  inside.ip('route', 'prepend', ...fallback);
  assert.equal(await way(inside, family.far), 'unreachable');
  assert.ok(!(await bring()).includes('10.9.0.1'));
});
