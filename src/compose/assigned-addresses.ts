// Addresses for the containers of a compose file. What the file gives is taken; what Docker would choose is made up, each time
// alike, from ranges that are for examples and tests, and has a name by which it is shown. Not here: the containers (inspections.ts).

import {
  type Address,
  formatAddress,
  fromBytes,
  maskPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '../base/ip.js';
import { quote } from '../base/plain-text.js';
import type { ComposeNetwork, Service } from './project.js';
import { ComposeError, type Place } from './yaml-tree.js';

/** 198.18.0.0/15 (RFC 2544), a part for each network; and a /64 of 2001:db8::/32 (RFC 3849). */
const [FIRST, SECOND] = [198, 18] as const;
const MAX_NETWORKS = 512;
/** A bridge has no more ports than a /22 has addresses. Of more networks, none has so many containers. */
const [ROOMY, MAX_ROOMY, NARROW] = [22, 128, 24] as const;

/** A network with its subnets, and who has which address there. */
export class Subnets {
  readonly subnets: readonly Prefix[];
  readonly gateways: readonly Address[];
  readonly #network: ComposeNetwork;
  readonly #taken = new Set<string>();
  /** By subnets, the number of the first host that may be free: none is given back. */
  readonly #next = new Map<Prefix, number>();
  /** Subnets that are made up. */
  readonly madeUp: readonly Prefix[];

  /** @param index of the network among `count` of a project */
  constructor(network: ComposeNetwork, index: number, count: number) {
    if (index >= MAX_NETWORKS) throw new RangeError(`more than ${MAX_NETWORKS} networks`);
    this.#network = network;
    const given = network.subnets.map(({ subnet, gateway, place }) => {
      const prefix = parsePrefix(subnet);
      if (!prefix) throw new ComposeError(place, `${quote(subnet)} is no subnet such as 10.9.0.0/24`);
      return { prefix: maskPrefix(prefix), gateway: readAddress(gateway, place) };
    });
    const families = [...(network.hasIPv4 ? ([4] as const) : []), ...(network.hasIPv6 ? ([6] as const) : [])];
    const all = families.flatMap(family => {
      const own = given.filter(({ prefix }) => prefix.address.family === family);
      return own.length > 0
        ? own
        : [{ prefix: madeUp(family, index, count), gateway: undefined, isMadeUp: true }];
    });
    this.subnets = all.map(({ prefix }) => prefix);
    this.madeUp = all.flatMap(one => ('isMadeUp' in one ? [one.prefix] : []));
    this.gateways = all.map(({ prefix, gateway }) => gateway ?? nth(prefix, 1));
    for (const gateway of this.gateways) this.#taken.add(formatAddress(gateway));
  }

  /** What the host's address on the bridge is shown as, where it is made up. */
  get madeUpGateways(): readonly Address[] {
    return this.gateways.filter(gateway => this.#isMadeUp(gateway));
  }

  /** Keeps the addresses that a service asks for. @throws ComposeError */
  take(texts: readonly (string | undefined)[], place: Place): readonly Address[] {
    return texts.flatMap(text => {
      const address = readAddress(text, place);
      if (!address) return [];
      if (!this.subnets.some(subnet => prefixContains(subnet, address)))
        throw new ComposeError(place, `${formatAddress(address)} is on no subnet of ${this.#network.key}`);
      const key = formatAddress(address);
      if (this.#taken.has(key)) throw new ComposeError(place, `${key} is taken on ${this.#network.key}`);
      this.#taken.add(key);
      return [address];
    });
  }

  /** Addresses of the families in which it has none yet, and whether Docker would choose them. */
  choose(own: readonly Address[]): readonly Address[] {
    return this.subnets.flatMap((subnet, n) => {
      const { family } = subnet.address;
      const isFirst = this.subnets.findIndex(({ address }) => address.family === family) === n;
      if (!isFirst || own.some(address => address.family === family)) return [];
      for (let host = this.#next.get(subnet) ?? 2; ; host++) {
        const address = nth(subnet, host);
        this.#next.set(subnet, host);
        if (!prefixContains(subnet, address)) return [];
        const key = formatAddress(address);
        if (this.#taken.has(key)) continue;
        this.#taken.add(key);
        return [address];
      }
    });
  }

  #isMadeUp(address: Address): boolean {
    return this.madeUp.some(subnet => prefixContains(subnet, address));
  }
}

function readAddress(text: string | undefined, place: Place): Address | undefined {
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  if (!address) throw new ComposeError(place, `${quote(text)} is no address`);
  return address;
}

function madeUp(family: 4 | 6, index: number, count: number): Prefix {
  const length = count > MAX_ROOMY ? NARROW : ROOMY;
  const offset = index << (32 - length);
  const bytes =
    family === 4
      ? [FIRST, SECOND + (offset >> 16), (offset >> 8) & 0xff, 0]
      : [0x20, 0x01, 0x0d, 0xb8, 0xd0, 0, index >> 8, index & 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
  return { address: fromBytes(bytes), length: family === 4 ? length : 64 };
}

/** The address of a number on a subnet. */
function nth({ address }: Prefix, host: number): Address {
  const bytes = [...address.bytes];
  for (let at = bytes.length - 1, rest = host; at >= 0 && rest > 0; at--) {
    const sum = bytes[at]! + (rest & 0xff);
    bytes[at] = sum & 0xff;
    rest = (rest >> 8) + (sum >> 8);
  }
  return fromBytes(bytes);
}

/** The link-layer address that a bridge has in a plan. */
export function bridgeMac(index: number): string {
  const hex = (n: number): string => n.toString(16).padStart(2, '0');
  return `02:42:c6:12:${hex(index >> 8)}:${hex(index & 0xff)}`;
}

/** Names of a service's containers, as compose has them. */
export function containerNames(project: string, { name, containerName, scale }: Service): string[] {
  if (containerName !== undefined) return scale === 0 ? [] : [containerName];
  return Array.from({ length: scale }, (_, n) => `${project}-${name}-${n + 1}`);
}
