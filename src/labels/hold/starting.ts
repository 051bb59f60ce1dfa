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
export function isToBeHeld({ Labels }: Pick<ListedContainer, 'Labels'>, strict: boolean): boolean {
  const keys = Object.keys(Labels ?? {}).flatMap(key => ownKey(key) ?? []);
  return keys.some(key => strict || !(OF_OTHERS.includes(key) || key.startsWith(NAT_FORWARD)));
}

/** The networks of a container, by their ids, or by their names where Docker does not tell those of one that has not started yet. */
export function networksOf(container: ListedContainer): string[] {
  const endpoints = Object.entries(container.NetworkSettings?.Networks ?? {});
  return endpoints.map(([name, { NetworkID }]) => NetworkID || name);
}

/** What Docker has as the bridge of a network; undefined where what is sent there does not pass the host as from one. */
export function bridgeNameOf({ Id, Driver, Options }: ConnectedNetwork): string | undefined {
  const bridge = Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`;
  return Driver === 'bridge' && BRIDGE_NAME.test(bridge) && isPlainText(bridge) ? bridge : undefined;
}

/** A link-layer address as it is written here; undefined where it is none of one link. */
export function linkAddress(text: string | null | undefined): string | undefined {
  return MAC.test(text ?? '') ? text!.toLowerCase() : undefined;
}

/**
 * A container's endpoint on a network; undefined where there is none. While a container starts, Docker has it there by its
 * endpoint's id.
 * @param bridge the network's
 */
export function endpointOn(
  network: ConnectedNetwork,
  bridge: string,
  container: ListedContainer,
): HeldEndpoint | undefined {
  const name = nameOf(container);
  const [, found] =
    Object.entries(network.Containers ?? {}).find(
      ([key, { Name }]) => key === container.Id || (key.startsWith('ep-') && Name === name),
    ) ?? [];
  const mac = linkAddress(found?.MacAddress);
  return mac === undefined ? undefined : { bridge, mac };
}
