// Stale UDP flows: those that still go to a former destination of a forward. The kernel applies NAT rules to the first
// packet of a flow only, and a UDP flow lasts as long as somebody sends: it would go on to a dead address, or to the
// container that gets it next. TCP connections end by themselves. Pure. Not here: listing and deleting flows
// (nft/flows.ts, labels/namespace/session.ts).

import { sameAddress } from '../../base/ip.js';
import { DOCKER_DNS } from '../../base/special-addresses.js';
import type { Flow } from '../../nft/flows.js';
import type { UdpForward } from './state.js';

/** Whether a flow goes elsewhere than its port is forwarded to. One that is only masqueraded by somebody else is not stale. */
export function isStale(flow: Flow, forwards: readonly UdpForward[]): boolean {
  const { destination, answering, isSourceTranslated, isDestinationTranslated } = flow;
  const { port } = destination;
  const own = forwards.filter(({ ports }) => ports.first <= port && port <= ports.last);
  if (own.length === 0 || sameAddress(destination.address, DOCKER_DNS)) return false;
  if (isSourceTranslated && !isDestinationTranslated) return false;
  return !own.some(({ ports, destinations }) =>
    destinations.some(
      end =>
        end.port + (port - ports.first) === answering.port && sameAddress(end.address, answering.address),
    ),
  );
}

/** The ports whose flows are listed, each by itself; undefined is all of them, for a range. */
export function portsToList(forwards: readonly UdpForward[]): (number | undefined)[] {
  return forwards.some(({ ports }) => ports.first < ports.last)
    ? [undefined]
    : forwards.map(({ ports }) => ports.first);
}
