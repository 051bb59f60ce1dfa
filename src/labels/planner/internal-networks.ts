// Gateways that an internal network keeps from their clients: Docker's firewall drops what leads beyond such a network, and
// where the kernel shows it what only passes a bridge, that is all that goes by a gateway. Pure. Not here: whether the
// kernel does (labels/discovery/host.ts).

import { type Family, formatAddress, prefixContains } from '../../base/ip.js';
import type { Diagnostic } from '../spec/intent.js';
import { diagnosticOf } from './merge.js';
import type { Requester } from './resolve.js';
import type { ResolvedRoute } from './routing-loops.js';
import { shown } from './unresolved.js';

const REMEDIES: Readonly<Record<Family, readonly [sysctl: string, remedy: string]>> = {
  4: [
    'net.bridge.bridge-nf-call-iptables',
    'make it one that is not internal, with the driver option com.docker.network.bridge.inhibit_ipv4=true: there nothing leaks either',
  ],
  6: ['net.bridge.bridge-nf-call-ip6tables', 'set it to 0, or use a network that is not internal'],
};

/**
 * Routes by such gateways: one of each namespace and family.
 * @param filtered families of which the host's firewall filters what only passes a bridge
 */
export function findFiltered(
  routes: ReadonlyMap<Requester, readonly ResolvedRoute[]>,
  filtered: readonly Family[],
): Diagnostic[] {
  if (filtered.length === 0) return [];
  return [...routes].flatMap(([{ members }, resolved]) =>
    filtered.flatMap(family => {
      const internal = members.attachments.filter(
        ({ isInternal, driver }) => isInternal && driver === 'bridge',
      );
      for (const { attributed, gateway } of internal.length > 0 ? resolved : []) {
        if (gateway?.family !== family) continue;
        const on = internal.find(({ subnets = [] }) => subnets.some(one => prefixContains(one, gateway)));
        if (!on) continue;
        const [sysctl, remedy] = REMEDIES[family];
        const why = `the gateway ${formatAddress(gateway)} is on the internal network ${shown(on.networkName)}, and while ${sysctl} is 1 on this host Docker's firewall drops what it is to take beyond that network: ${remedy}`;
        return [diagnosticOf(attributed, why)];
      }
      return [];
    }),
  );
}
