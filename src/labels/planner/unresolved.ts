// What is said of a name that leads nowhere, and what would be right. Pure. Not here: finding who bears it
// (bearers.ts).

import { type Address, formatAddress } from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import { whyUnusableAnswer } from '../../base/special-addresses.js';
import type { Attachment, ContainerView } from '../discovery/container.js';
import type { Bearer } from './bearers.js';
import type { SandboxMembers } from './merge.js';

/** Of a name that somebody bears. @param family of the gateway that is wanted; absent: a forward leads there */
export function whyNoAddress(
  name: string,
  sandbox: SandboxMembers,
  bearers: readonly Bearer[],
  family: 4 | 6 | undefined,
): string {
  if (bearers.every(({ container }) => container.hostNetwork)) {
    return `${shown(name)} is in the host's network and has no address of its own: give an address of the host`;
  }
  if (bearers.every(({ container }) => !container.netns)) return `${shown(name)} is not running: start it`;
  if (!sandbox.attachments.some(({ addresses }) => addresses.length > 0)) {
    return `${shown(name)} cannot be reached, because this container has no address on any network: connect both to one network, or, if it shares the network of a container that was started anew, restart it`;
  }
  const attached = bearers.filter(({ attachment }) => attachment && attachment.addresses.length > 0);
  const [first] = attached;
  if (!first?.attachment) {
    return `${shown(name)} has no address on a network of this container: connect both to one network`;
  }
  if (family !== undefined && attached.every(({ attachment }) => attachment?.ignoresNextHop)) {
    return `${shown(name)} can be no gateway: ${whyIgnored(first.attachment)}`;
  }
  return `${shown(name)} has no IPv${family} address on a network of this container`;
}

/** Of a name whose bearers are none that the label may mean. */
export function whyPassedOver(name: string, asker: ContainerView, bearers: readonly ContainerView[]): string {
  const [other] = bearers;
  const { service, isOneOff, name: container } = other!;
  if (isOneOff && service?.project === asker.service?.project) {
    return `${shown(name)} is there as ${shown(container)} alone, a one-off container of \`docker compose run\`, which does not stand in for a service: start the service, or give the name of that container`;
  }
  const what = service?.name === name ? 'a service' : `an alias of ${shown(container)}`;
  return `${shown(name)} is ${what} of the Compose project ${shown(service?.project ?? '')}, of which this container is not: give the name of its container, ${shown(container)}`;
}

/** Of a host name for which the DNS has no answer that may count. */
export function whyNoAnswer(name: string, answer: Address): string {
  return `the DNS says that the host ${shown(name)} is ${formatAddress(answer)}, ${whyUnusableAnswer(answer)}, to which no name may lead: give another host`;
}

/** Of a network on which a route's gateway means nothing. */
export function whyIgnored({ networkName, driver, ignoresNextHop }: Attachment): string {
  return `on the network ${shown(networkName)} (${ignoresNextHop}) the kernel ${driver === '' ? 'may ignore' : 'ignores'} gateways, and packets would go elsewhere: connect both containers to a network of driver bridge`;
}

/** A name as it is told. */
export function shown(name: string): string {
  return plain(name, 80);
}
