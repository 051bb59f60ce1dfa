// From what a router's namespace holds to what it is to hold: the changes between them, in an order in which nothing gets
// through that is not to. Pure. Not here: who reads and writes the kernel (router.ts).

import { addressKey, formatPrefix, maskPrefix, type Prefix, samePrefix } from '../../base/ip.js';
import { LINK_NAME_PREFIX } from '../../base/ownership.js';
import type { LinkAddress } from '../../netlink/route/address.js';
import type { Link } from '../../netlink/route/link.js';
import type { Route } from '../../netlink/route/route.js';
import type { WgDevice, WgDeviceConfig, WgPeer, WgPeerConfig } from '../../netlink/wireguard/device.js';
import { NO_PRESHARED_KEY } from '../tunnel/peers.js';
import { sameSocketAddress } from '../tunnel/remote-peer.js';
import { BRIDGE, type DesiredRouter, type RouterSysctl, TUNNEL } from './desired-router.js';

/** What a namespace holds of what a router is made of. */
export interface ObservedRouter {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** Of our protocol. */
  readonly routes: readonly Route[];
  /** To the networks of addresses, which the kernel makes with these. */
  readonly connected: readonly Route[];
  /** By name; what the kernel lacks is not in it. */
  readonly sysctls: ReadonlyMap<string, string>;
  /** Absent: there is no tunnel. */
  readonly device?: WgDevice;
  /** Whether the tables are those that are desired, and nobody has touched them. */
  readonly areTablesWhole: boolean;
  /** Whether the peers were told where their other ends are: those may have moved since. */
  readonly areEndpointsTold: boolean;
}

export type RouterChange =
  | { readonly op: 'sysctl'; readonly sysctl: RouterSysctl }
  | { readonly op: 'tables' }
  | { readonly op: 'create-bridge' }
  | { readonly op: 'create-tunnel' }
  | { readonly op: 'delete-link'; readonly link: string }
  | { readonly op: 'configure'; readonly device: WgDeviceConfig }
  | { readonly op: 'flush-flows' }
  | { readonly op: 'enslave'; readonly link: string }
  | { readonly op: 'mtu'; readonly link: string; readonly mtu: number }
  | { readonly op: 'up'; readonly link: string }
  | { readonly op: 'add-address' | 'delete-address'; readonly link: string; readonly prefix: Prefix }
  | { readonly op: 'add-route' | 'delete-route'; readonly destination: Prefix };

export function diffRouter(desired: DesiredRouter, observed: ObservedRouter): RouterChange[] {
  const { links, device } = observed;
  const wanted = new Set(desired.ports.map(({ name }) => name));
  const strays = links.filter(
    ({ name, kind }) =>
      (name === BRIDGE && kind !== 'bridge') ||
      (name === TUNNEL && kind !== 'wireguard') ||
      (name.startsWith(LINK_NAME_PREFIX) &&
        !wanted.has(name) &&
        (!desired.keepsOtherPorts || name === desired.formerPort)),
  );
  const named = new Map(links.filter(link => !strays.includes(link)).map(link => [link.name, link]));
  const [bridge, tunnel] = [named.get(BRIDGE), named.get(TUNNEL)];
  const sysctls = desired.sysctls.filter(({ name, value, mayLack }) => {
    const present = observed.sysctls.get(name);
    return present === undefined ? mayLack !== true : present !== value;
  });
  const forwarding = ({ name }: RouterSysctl): boolean => name.endsWith('/forwarding');
  return [
    ...(observed.areTablesWhole ? [] : [{ op: 'tables' } as const]),
    ...sysctls.filter(sysctl => sysctl.link === undefined && !forwarding(sysctl)).map(asChange),
    ...strays.map(({ name }): RouterChange => ({ op: 'delete-link', link: name })),
    ...(bridge ? [] : [{ op: 'create-bridge' } as const]),
    ...(tunnel || !desired.tunnel ? [] : [{ op: 'create-tunnel' } as const]),
    // A link below the least MTU of IPv6 has no sysctls of it.
    ...diffMtus(desired, named),
    ...sysctls
      .filter(({ link }) => link === BRIDGE || (link === TUNNEL && (tunnel ?? desired.tunnel) !== undefined))
      .map(asChange),
    ...diffLink(BRIDGE, bridge, desired.bridge.addresses, observed),
    ...diffPorts(desired, named, bridge),
    ...(desired.tunnel ? diffTunnel(desired.tunnel, tunnel, device, observed) : []),
    ...sysctls.filter(forwarding).map(asChange),
  ];
}

function asChange(sysctl: RouterSysctl): RouterChange {
  return { op: 'sysctl', sysctl };
}

/** The bridge comes last: it follows its ports until it is told itself. */
function diffMtus({ ports, mtu, tunnel }: DesiredRouter, named: ReadonlyMap<string, Link>): RouterChange[] {
  const present = ports.filter(({ name }) => named.has(name)).map(({ name }) => name);
  return [...(tunnel ? [TUNNEL] : []), ...present, BRIDGE].flatMap((link): RouterChange[] =>
    mtu === undefined || named.get(link)?.mtu === mtu ? [] : [{ op: 'mtu', link, mtu }],
  );
}

function diffPorts(
  { ports }: DesiredRouter,
  named: ReadonlyMap<string, Link>,
  bridge: Link | undefined,
): RouterChange[] {
  return ports.flatMap(({ name }) => {
    const link = named.get(name);
    // It comes with its other end, which is the container's.
    if (!link) return [];
    return [
      ...(bridge && link.master === bridge.index ? [] : [{ op: 'enslave', link: name } as const]),
      ...(link.up ? [] : [{ op: 'up', link: name } as const]),
    ];
  });
}

/** Addresses and state of a link; of one that is not there yet, all of them. */
function diffLink(
  name: string,
  link: Link | undefined,
  addresses: readonly Prefix[],
  observed: ObservedRouter,
): RouterChange[] {
  const present = link ? observed.addresses.filter(({ index }) => index === link.index) : [];
  // The kernel makes the route again with the address. Of a link that is down it takes it away itself.
  const isCutOff = (prefix: Prefix): boolean =>
    link?.up === true &&
    prefix.length < prefix.address.bytes.length * 8 &&
    !isConnected(link, prefix, observed);
  const wants = new Set(addresses.map(formatPrefix));
  const isRight = (prefix: Prefix): boolean => wants.has(formatPrefix(prefix)) && !isCutOff(prefix);
  const has = new Set(
    present.filter(({ prefix }) => isRight(prefix)).map(({ prefix }) => formatPrefix(prefix)),
  );
  return [
    ...present.flatMap(({ prefix }): RouterChange[] =>
      isRight(prefix) || isLinkLocal(prefix) ? [] : [{ op: 'delete-address', link: name, prefix }],
    ),
    ...addresses.flatMap((prefix): RouterChange[] =>
      has.has(formatPrefix(prefix)) ? [] : [{ op: 'add-address', link: name, prefix }],
    ),
    ...(link?.up ? [] : [{ op: 'up', link: name } as const]),
  ];
}

/** Whether what is in an address's network is reached by its link. */
function isConnected(link: Link, prefix: Prefix, { connected }: ObservedRouter): boolean {
  const network = maskPrefix(prefix);
  return connected.some(({ index, destination }) => index === link.index && samePrefix(destination, network));
}

/** The kernel's own of IPv6. */
function isLinkLocal({ address: { family, bytes } }: Prefix): boolean {
  return family === 6 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

function diffTunnel(
  desired: NonNullable<DesiredRouter['tunnel']>,
  link: Link | undefined,
  device: WgDevice | undefined,
  observed: ObservedRouter,
): RouterChange[] {
  const change = diffDevice(desired.device, link && device, observed.areEndpointsTold);
  const isOther = link !== undefined && device !== undefined && isOtherTunnel(desired.device, device);
  const present = link ? observed.routes.filter(({ index }) => index === link.index) : [];
  const has = new Set(present.map(({ destination }) => formatPrefix(destination)));
  const wants = new Set(desired.routes.map(formatPrefix));
  // The kernel takes routes away when a link goes down, or with the address of which they were.
  return [
    ...(change ? [{ op: 'configure', device: change } as const] : []),
    ...diffLink(TUNNEL, link, desired.addresses, observed),
    ...present.flatMap(({ destination }): RouterChange[] =>
      wants.has(formatPrefix(destination)) ? [] : [{ op: 'delete-route', destination }],
    ),
    ...desired.routes.flatMap((destination): RouterChange[] =>
      has.has(formatPrefix(destination)) ? [] : [{ op: 'add-route', destination }],
    ),
    ...(isOther ? [{ op: 'flush-flows' } as const] : []),
  ];
}

/** Whether the other ends know nothing of what has gone by the tunnel: its connections are over. */
function isOtherTunnel({ privateKey, peers = [] }: WgDeviceConfig, device: WgDevice): boolean {
  const isSameKey = device.privateKey !== undefined && privateKey?.equals(device.privateKey) === true;
  const stays = device.peers.filter(({ publicKey }) => peers.some(peer => peer.publicKey.equals(publicKey)));
  return !isSameKey || (device.peers.length > 0 && stays.length === 0);
}

/** What a device has to be told; undefined where it is as it should be. Sessions of peers that stay go on. */
export function diffDevice(
  desired: WgDeviceConfig,
  device: WgDevice | undefined,
  areEndpointsTold: boolean,
): WgDeviceConfig | undefined {
  if (!device) return { ...desired, replacePeers: true };
  const peers = desired.peers ?? [];
  const gone = device.peers.filter(({ publicKey }) => !peers.some(peer => peer.publicKey.equals(publicKey)));
  const isSame =
    gone.length === 0 &&
    device.privateKey !== undefined &&
    desired.privateKey?.equals(device.privateKey) === true &&
    (desired.fwmark ?? 0) === device.fwmark &&
    (!desired.listenPort || desired.listenPort === device.listenPort) &&
    peers.every(peer => {
      const present = device.peers.find(({ publicKey }) => peer.publicKey.equals(publicKey));
      return present !== undefined && samePeer(peer, present, areEndpointsTold);
    });
  if (isSame) return undefined;
  return {
    ...desired,
    peers: [
      ...gone.map(({ publicKey }) => ({ publicKey, remove: true })),
      // Without one it keeps the key that it had.
      ...peers.map(peer => ({ presharedKey: NO_PRESHARED_KEY, ...peer })),
    ],
  };
}

function samePeer(desired: WgPeerConfig, present: WgPeer, areEndpointsTold: boolean): boolean {
  const { presharedKey = NO_PRESHARED_KEY, endpoint, keepalive = 0, allowedIPs = [] } = desired;
  return (
    presharedKey.equals(present.presharedKey ?? NO_PRESHARED_KEY) &&
    keepalive === present.keepalive &&
    samePrefixes(allowedIPs, present.allowedIPs) &&
    (!endpoint ||
      (present.endpoint !== undefined && (areEndpointsTold || sameSocketAddress(endpoint, present.endpoint))))
  );
}

function samePrefixes(a: readonly Prefix[], b: readonly Prefix[]): boolean {
  const keys = new Set(a.map(prefixKey));
  return a.length === b.length && b.every(prefix => keys.has(prefixKey(prefix)));
}

function prefixKey({ address, length }: Prefix): string {
  return `${addressKey(address)}/${length}`;
}
