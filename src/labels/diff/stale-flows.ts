// Which UDP flows go on to where a forward leads no more. The kernel asks the rules of NAT about the first packet of a
// flow alone, and a flow of UDP lasts as long as somebody sends: it would go to a dead address, or to whom that is
// given next. TCP ends by itself. Not here: how flows are read and let go of (nft/conntrack.ts,
// labels/namespace/session.ts).

import { sameAddress } from '../../base/ip.js';
import { DOCKER_DNS } from '../../base/special-addresses.js';
import type { Flow } from '../../nft/conntrack.js';
import type { UdpForward } from './state.js';

/** Whether a flow goes elsewhere than its port's forward. One that somebody else only masquerades is left alone. */
export function isStale(flow: Flow, { port, destinations }: UdpForward): boolean {
  const { destination, answering, isSourceTranslated, isDestinationTranslated } = flow;
  if (destination.port !== port || sameAddress(destination.address, DOCKER_DNS)) return false;
  if (isSourceTranslated && !isDestinationTranslated) return false;
  return !destinations.some(
    end => end.port === answering.port && sameAddress(end.address, answering.address),
  );
}
