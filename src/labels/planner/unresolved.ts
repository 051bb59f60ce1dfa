// The sentence for a name that leads nowhere: why, and what would be right. Pure. Not here: who has the name
// (name-holders.ts).

import { type Address, formatAddress } from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import { whyUnusableAnswer } from '../../base/special-addresses.js';
import type { Attachment, ContainerView } from '../discovery/container.js';
import type { SandboxMembers } from './merge.js';
import type { NameHolder } from './name-holders.js';

/** Of a name that a container has. @param family of the gateway that is wanted; absent: a forward leads there */
export function whyNoAddress(
  name: string,
  sandbox: SandboxMembers,
  holders: readonly NameHolder[],
  family: 4 | 6 | undefined,
): string {
  if (holders.every(({ container }) => container.hostNetwork)) {
    return `${shown(name)} is in the host's network and has no address of its own: give an address of the host`;
  }
  if (holders.every(({ container }) => !container.netns)) return `${shown(name)} is not running: start it`;
  if (!sandbox.attachments.some(({ addresses }) => addresses.length > 0)) {
    return `${shown(name)} cannot be reached, because this container has no address on any network: connect both to one network, or, if it shares the network of a container that was restarted, restart this one too`;
  }
  const attached = holders.filter(({ attachment }) => attachment && attachment.addresses.length > 0);
  const [first] = attached;
  if (!first?.attachment) {
    return `${shown(name)} has no address on a network of this container: connect both to one network`;
  }
  if (family !== undefined && attached.every(({ attachment }) => attachment?.ignoresNextHop)) {
    return `${shown(name)} cannot be a gateway: ${whyIgnored(first.attachment)}`;
  }
  return `${shown(name)} has no IPv${family} address on a network of this container`;
}

/** Of an address whose container does not run, or is only being started. */
export function whyAddressWaits(address: Address, { name }: ContainerView): string {
  return `${formatAddress(address)} is the address of ${shown(name)}, which is not running: start it`;
}

/** Of a name that only containers have that the label cannot mean. */
export function whyPassedOver(name: string, asker: ContainerView, holders: readonly ContainerView[]): string {
  const [other] = holders;
  const { service, isOneOff, name: container } = other!;
  if (isOneOff && service?.project === asker.service?.project) {
    return `${shown(name)} exists only as ${shown(container)}, a one-off container of \`docker compose run\`, which does not stand in for a service: start the service, or give the name of that container`;
  }
  const what = service?.name === name ? 'a service' : `an alias of ${shown(container)}`;
  return `${shown(name)} is ${what} of the Compose project ${shown(service?.project ?? '')}, to which this container does not belong: give the name of its container, ${shown(container)}`;
}

/** What Docker Desktop's names for the host, our own words written otherwise, and other systems' words for a route to nowhere, are here. */
const WORDS: readonly [word: RegExp, meant: string][] = [
  [/^((host|gateway)\.docker\.internal|host[-_]?gateway|docker0)$/i, 'host-gateway'],
  [/^(unreachable|blackhole|prohibit|nowhere|none|null|reject|drop|deny|block)$/i, 'unreachable'],
];

/** Of a name that nobody has, where another word was surely meant. */
export function wordMeant(name: string): string | undefined {
  const meant = WORDS.find(([word]) => word.test(name))?.[1];
  return meant && `${shown(name)} is no container: did you mean ${meant}?`;
}

/** Of a host name for which the DNS has no acceptable answer. */
export function whyNoAnswer(name: string, answer: Address): string {
  return `the host ${shown(name)} resolves to ${formatAddress(answer)}, ${whyUnusableAnswer(answer)}, which is refused as an answer of the DNS: give another host`;
}

/** Of a host name that leads to the host itself, or to Docker's gateway. */
export function whyHosts(name: string, answer: Address): string {
  return `the host ${shown(name)} resolves to ${formatAddress(answer)}, by which packets leave as if there were no label: start the container of that name, or give the address of a gateway`;
}

/** Of a network on which the kernel ignores a route's gateway. */
export function whyIgnored({ networkName, driver, ignoresNextHop }: Attachment): string {
  return `on the network ${shown(networkName)} (${ignoresNextHop}) the kernel ${driver === '' ? 'may ignore' : 'ignores'} gateways, and packets would go elsewhere: connect both containers to a network of driver bridge`;
}

/** A name as messages show it. */
export function shown(name: string): string {
  return plain(name, 80);
}
