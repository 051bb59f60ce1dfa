// What `dwgd plan` says of compose files is what the kernel then holds: the same table as nft(8) lists it, the same routes,
// policy rules and sysctls. The labels' own machinery brings it there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { formatAddress, formatPrefix } from '../../src/base/ip.js';
import { RTPROT_DWGD } from '../../src/base/ownership.js';
import { plannedHostRoutes, plannedStates } from '../../src/cli/commands/planned-state.js';
import type { SandboxDesired } from '../../src/labels/diff/state.js';
import type { Attachment } from '../../src/labels/discovery/container.js';
import { ipRouteAdd, ipRule } from '../../src/netlink/route/describe.js';
import { programmer } from '../support/label-namespace.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { composeFiles, preview } from '../support/planned.js';
import { listsInOurWords, relist } from '../support/relist.js';

/** A namespace with the links that Docker would give a container there. */
async function namespaceFor(t: TestContext, attachments: readonly Attachment[]): Promise<Namespace> {
  const ns = await Namespace.create(t);
  const lines = ['link set lo up'];
  for (const [n, { addresses, subnets = [], gateways = [] }] of attachments.entries()) {
    lines.push(
      `link add eth${n} type veth peer name peer${n}`,
      `link set eth${n} up`,
      `link set peer${n} up`,
    );
    for (const address of addresses) {
      const length = subnets.find(subnet => subnet.address.family === address.family)!.length;
      lines.push(
        `address add ${formatAddress(address)}/${length} dev eth${n}${address.family === 6 ? ' nodad' : ''}`,
      );
    }
    for (const gateway of n === 0 ? gateways : [])
      lines.push(`${gateway.family === 6 ? '-6 ' : ''}route add default via ${formatAddress(gateway)}`);
  }
  ns.exec('sh', '-ec', lines.map(line => `ip ${line}`).join('\n'));
  ns.settle();
  return ns;
}

/** What is in there, as the plan has it. */
function held(
  ns: Namespace,
  sandboxes: Awaited<ReturnType<typeof programmer>>['sandboxes'],
  desired: SandboxDesired,
) {
  const observed = sandboxes.observe(ns.ref)!;
  const listing = observed.hasTable
    ? ns.exec('env', 'TZ=UTC', 'nft', '-s', 'list', 'table', 'inet', 'dwgd')
    : '';
  const local = new Set((desired.loopbackTowards ?? []).map(formatAddress)).size > 0 ? 1 : 0;
  const routes = [
    ...observed.routes
      .filter(({ destination }) => formatPrefix(destination) !== '::1/128')
      .map(({ index: _, ...route }) => ipRouteAdd(route, 'prepend')),
    ...observed.rules.map(rule => ipRule('add', rule)),
  ];
  const loopback = observed.routes.filter(({ destination }) => formatPrefix(destination) === '::1/128');
  assert.equal(loopback.length, local);
  const nft = listing.replace(/\n\n\tchain stamp \{.*?\n\t\}/s, '');
  return { routes: routes.sort(), nft };
}

kernelTest(
  'what is planned of each compose file is what the kernel holds',
  async t => {
    const { sandboxes } = await programmer(t);
    const ours = listsInOurWords();
    let [programmed, tables, hosts] = [0, 0, 0];
    for (const [file, text] of composeFiles()) {
      const plan = preview({ [file]: text });
      assert.deepEqual(plan.mistakes, [], file);
      for (const desired of plan.sandboxes) {
        const state = plannedStates([desired])[0]!;
        const where = `${file}: ${state.containers.join(', ')}`;
        const members = plan.world.containers.filter(({ name }) => state.containers.includes(name));
        const ns = await namespaceFor(
          t,
          members.find(({ attachments }) => attachments.length > 0)?.attachments ?? [],
        );
        const result = sandboxes.reconcile({ ...desired, netns: ns.ref })!;
        assert.deepEqual(result.failures, [], where);
        const { routes, nft } = held(ns, sandboxes, desired);
        const planned = state.routes.filter(line => !line.includes('<interface to '));
        assert.deepEqual(routes, [...planned].sort(), where);
        const text = state.nft ?? '';
        if (ours || text === '') assert.equal(nft, text, where);
        else {
          const { own, theirs } = relist(ns, 'dwgd', text, nft);
          assert.equal(theirs, own, where);
        }
        for (const sysctl of state.sysctls) {
          const [name, value] = sysctl.replace(/<interface to [^>]*>/, 'eth0').split('=');
          const path = `/proc/sys/${name!.replaceAll('.', '/')}`;
          assert.equal(
            ns.within(() => readFileSync(path, 'utf8').trim()),
            value,
            `${where}: ${name}`,
          );
        }
        programmed++;
        if (state.nft !== undefined) tables++;
        ns.free();
      }
      if (plan.hostRoutes.length > 0) {
        const host = await Namespace.create(t);
        host.ip('link', 'add', 'br0', 'type', 'veth', 'peer', 'name', 'peer0');
        for (const link of ['br0', 'peer0']) host.ip('link', 'set', link, 'up');
        for (const { prefix } of plan.world.hostInterfaceAddresses)
          host.ip('address', 'add', formatPrefix(prefix), 'dev', 'br0');
        const { failures } = host.within(() => sandboxes.reconcileHostRoutes(plan.hostRoutes));
        assert.deepEqual(failures, []);
        const listed = host.within(() => sandboxes.reconcileHostRoutes(plan.hostRoutes)).changes;
        assert.deepEqual(listed, []);
        const routes = (await host.rt.routes()).filter(({ protocol }) => protocol === RTPROT_DWGD);
        assert.deepEqual(
          routes.map(({ index: _, ...route }) => ipRouteAdd(route, 'prepend')),
          plannedHostRoutes(plan.hostRoutes),
        );
        hosts++;
      }
    }
    assert.ok(programmed > 20 && tables > 18 && hosts > 0, `${programmed} namespaces, ${tables} tables`);
  },
  'nft',
);
