// Who is held, by what Docker says of a container: whether its labels have to be there before its first packet,
// and by which bridges it sends. Pure. Not here: asking Docker (hold.ts).

import { ownKey } from '../../base/ownership.js';
import { isPlainText } from '../../nft/expression.js';
import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import { type ListedContainer, nameOf } from '../discovery/docker-view.js';
import { HOST_ROUTES, NAT_FORWARD, NAT_IN_INTERFACES, NAT_INTERFACES } from '../spec/label-keys.js';
import type { HeldEndpoint } from './hold-table.js';

/** Of labels that are about packets of others. */
const OF_OTHERS: readonly string[] = [NAT_INTERFACES, NAT_IN_INTERFACES, HOST_ROUTES];
const BRIDGE_NAME = /^[\w.-]{1,15}$/;
/** Of one link, and not of a group. */
const MAC = /^[\da-f][02468ace](?::[\da-f]{2}){5}$/i;

/** Whether a container must send nothing before its labels are in force. @param strict whether all labels are as `twine.strict` */
export function isToBeHeld({ Labels }: ListedContainer, strict: boolean): boolean {
  const keys = Object.keys(Labels ?? {}).flatMap(key => ownKey(key) ?? []);
  return keys.some(key => strict || !(OF_OTHERS.includes(key) || key.startsWith(NAT_FORWARD)));
}

/**
 * A container's endpoint on a network; undefined where there is none, or what it sends does not pass the host as from a bridge.
 * While a container starts, Docker has it there by its endpoint's id.
 */
export function endpointOn(network: ConnectedNetwork, container: ListedContainer): HeldEndpoint | undefined {
  const { Id, Driver, Options, Containers } = network;
  const bridge = Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`;
  if (Driver !== 'bridge' || !BRIDGE_NAME.test(bridge) || !isPlainText(bridge)) return undefined;
  const name = nameOf(container);
  const [, found] =
    Object.entries(Containers ?? {}).find(
      ([key, { Name }]) => key === container.Id || (key.startsWith('ep-') && Name === name),
    ) ?? [];
  const mac = found?.MacAddress ?? '';
  return MAC.test(mac) ? { bridge, mac: mac.toLowerCase() } : undefined;
}
