// A namespace like a container's for tests of the labels' half: one network with Docker's default route, and what
// labels shall bring there.
import type { TestContext } from 'node:test';
import { withDigest } from '../../src/labels/diff/digest.js';
import type { DesiredRoute, SandboxDesired } from '../../src/labels/diff/state.js';
import type { NetnsRef } from '../../src/labels/discovery/container.js';
import { Sandboxes } from '../../src/labels/namespace/sandbox.js';
import { NetnsSwitch } from '../../src/netlink/netns.js';
import { Nft } from '../../src/nft/client.js';
import type { NftTable } from '../../src/nft/table.js';
import { address, prefix } from './label-world.js';
import { Namespace } from './namespace.js';

/** A container at 10.9.0.2 and fd09::2 on `eth0`; the other end, at …1, is Docker's gateway. */
export async function container(t: TestContext): Promise<{ inside: Namespace; outside: Namespace }> {
  const inside = await Namespace.create(t);
  const outside = await Namespace.create(t);
  inside.veth('eth0', outside, 'eth0');
  for (const [ns, host] of [
    [inside, 2],
    [outside, 1],
  ] as const) {
    ns.ip('link', 'set', 'lo', 'up');
    ns.ip('address', 'add', `10.9.0.${host}/24`, 'dev', 'eth0');
    ns.ip('address', 'add', `fd09::${host}/64`, 'dev', 'eth0', 'nodad');
  }
  inside.ip('route', 'add', 'default', 'via', '10.9.0.1');
  inside.ip('-6', 'route', 'add', 'default', 'via', 'fd09::1');
  return { inside, outside };
}

/** What programs namespaces, for the length of a test, and what it says that it does. */
export async function programmer(
  t: TestContext,
  host?: NetnsRef,
): Promise<{ sandboxes: Sandboxes; said: string[] }> {
  const [netnsSwitch, nft, said] = [await NetnsSwitch.open(), new Nft(), [] as string[]];
  const sandboxes = new Sandboxes({
    netnsSwitch,
    nft,
    ...(host && { host }),
    trace: command => said.push(command),
  });
  t.after(() => {
    sandboxes.close();
    nft.close();
    netnsSwitch.close();
  });
  return { sandboxes, said };
}

/** What a namespace shall hold. */
export function desire(ns: Namespace, rest: Partial<SandboxDesired> = {}): SandboxDesired {
  return withDigest({ netns: ns.ref, containers: ['a-container'], routes: [], sysctls: [], ...rest });
}

/** A table of ours that accepts a port. */
export function accepting(port: number): NftTable {
  const left = { payload: { protocol: 'tcp', field: 'dport' } };
  return {
    family: 'inet',
    name: 'dwgd',
    sets: [],
    chains: [
      {
        name: 'input',
        hook: { type: 'filter', hook: 'input', priority: 0 },
        rules: [{ expr: [{ match: { op: '==', left, right: port } }, { accept: null }] }],
      },
    ],
  };
}

/** A withFallback route: `10.0.0.0/8 via 10.9.0.3`, and beneath it the unreachable one. */
export function withFallback(network: string, gateway?: string): DesiredRoute[] {
  const fallback = { network: prefix(network) };
  return gateway === undefined ? [fallback] : [fallback, { ...fallback, gateway: address(gateway) }];
}
