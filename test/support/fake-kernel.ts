// A network namespace that is not there: links, routes to anywhere and WireGuard devices behind two
// Connections. Requests are read with the project's own codecs; golden bytes are the judge
// of those. Not here: anything that tests do not need.

import assert from 'node:assert/strict';
import { OpError } from '../../src/base/errors.js';
import { samePrefix } from '../../src/base/ip.js';
import {
  attr,
  attrMap,
  attrString,
  attrU16,
  attrU32,
  nest,
  readAttrs,
  readU32,
} from '../../src/netlink/attributes.js';
import type { Connection, OpContext, ThreadedConnection } from '../../src/netlink/connection.js';
import { GENL_ID_CTRL, genlAttributes } from '../../src/netlink/generic.js';
import type { Message, Request } from '../../src/netlink/message.js';
import {
  decodeLink,
  IFLA_LINKINFO,
  IFLA_NET_NS_FD,
  type Link,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from '../../src/netlink/route/link.js';
import { RTM_GETROUTE } from '../../src/netlink/route/route.js';
import { decodeDevice } from '../../src/netlink/wireguard/decode.js';
import {
  WG_CMD_GET_DEVICE,
  WGDEVICE_A_FLAGS,
  WGDEVICE_A_IFINDEX,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PUBLIC_KEY,
  WGPEER_A_FLAGS,
  WGPEER_A_LAST_HANDSHAKE_TIME,
  WGPEER_F_REMOVE_ME,
  WGPEER_F_REPLACE_ALLOWEDIPS,
  WGPEER_F_UPDATE_ONLY,
  type WgDevice,
  type WgDeviceConfig,
  type WgPeer,
} from '../../src/netlink/wireguard/device.js';
import { encodeSetDevice } from '../../src/netlink/wireguard/encode.js';
import { type Key, publicKey, type SecretKey } from '../../src/netlink/wireguard/key.js';

const EEXIST = 17;
const ENODEV = 19;
const EOPNOTSUPP = 95;
const FAMILY = 0x20;

/** Deriving one takes milliseconds, and many links have the same. */
const publicKeys = new Map<string, Key>();
function publicKeyOf(privateKey: SecretKey): Key {
  const name = privateKey.reveal().toString('hex');
  const known = publicKeys.get(name) ?? publicKey(privateKey);
  publicKeys.set(name, known);
  return known;
}

class Refusal extends Error {
  constructor(readonly errno: number) {
    super();
  }
}

/** Namespaces by the descriptors under which requests may name them. */
const namespaces = new Map<number, FakeKernel>();

export class FakeKernel {
  /** Under which a request may name this namespace. */
  readonly fd: number;
  readonly links = new Map<string, Link>();
  readonly devices = new Map<string, WgDevice>();
  /** Every request, as "creating link wg0". */
  readonly requests: string[] = [];
  /** The errno with which a request is refused, before it does anything. */
  refuse: (what: string) => number | undefined = () => undefined;
  /** What happens just before a request does anything. */
  before: (what: string) => void = () => undefined;
  /** What the route to anywhere says of its MTU. */
  pathMtu = 1500;
  open = 0;
  #index = 1;

  constructor() {
    this.fd = 1_000_000 + namespaces.size;
    namespaces.set(this.fd, this);
  }

  /** A WireGuard interface as an administrator made it. */
  addDevice(name: string, config: WgDeviceConfig, mtu = 1420): void {
    this.addLink({ name, kind: 'wireguard', mtu, group: 0, up: true });
    this.#setDevice(encodeSetDevice(name, config)[0]!);
  }

  addLink(link: Omit<Link, 'index'>): void {
    this.links.set(link.name, { ...link, index: ++this.#index });
    if (link.kind !== 'wireguard') return;
    this.devices.set(link.name, { index: this.#index, name: link.name, listenPort: 0, fwmark: 0, peers: [] });
  }

  removeLink(name: string): void {
    this.#existing(name);
    this.links.delete(name);
    this.devices.delete(name);
  }

  /** As Docker does: the link goes into a container, under a new name. */
  moveLink(name: string, to: FakeKernel, newName: string): void {
    const device = this.devices.get(name)!;
    to.links.set(newName, { ...this.links.get(name)!, name: newName });
    to.devices.set(newName, { ...device, name: newName });
    this.removeLink(name);
  }

  route(): Connection {
    return this.#connection(request => this.#route(request));
  }

  /** A socket for a thread of its own. */
  routeSocket(): ThreadedConnection {
    const connection = this.route();
    return {
      ...connection,
      requestOnThread: async (request, context) => connection.request(request, context),
    };
  }

  generic(): Connection {
    return this.#connection(request => this.#generic(request));
  }

  #connection(answer: (request: Request) => Buffer[]): Connection {
    this.open++;
    return {
      request: (request, context) => {
        this.before(`${context.op} ${context.subject}`);
        return this.#answer(request, context, answer);
      },
      batch: () => assert.fail('no transaction of nfnetlink is meant for it'),
      close: () => void this.open--,
    };
  }

  #answer(request: Request, { op, subject }: OpContext, answer: (request: Request) => Buffer[]): Message[] {
    const what = `${op} ${subject}`;
    this.requests.push(what);
    try {
      const errno = this.refuse(what);
      if (errno) throw new Refusal(errno);
      return answer(request).map(payload => ({ type: request.type, flags: 0, seq: 1, payload }));
    } catch (err) {
      throw err instanceof Refusal ? new OpError(op, subject, err.errno) : err;
    }
  }

  #existing(name: string): Link {
    const link = this.links.get(name);
    if (!link) throw new Refusal(ENODEV);
    return link;
  }

  #route({ type, flags, payload }: Request): Buffer[] {
    switch (type) {
      case RTM_NEWLINK: {
        const { index: _, ...link } = decodeLink(payload);
        const target = attrMap(payload.subarray(16)).get(IFLA_NET_NS_FD);
        const there = target ? namespaces.get(readU32(target))! : this;
        if (there.links.has(link.name)) throw new Refusal(EEXIST);
        there.addLink(link);
        return [];
      }
      case RTM_SETLINK:
        this.#existing(decodeLink(payload).name);
        return [];
      case RTM_DELLINK:
        this.removeLink(this.#named(payload).name);
        return [];
      case RTM_GETLINK:
        if (flags) return [...this.links.values()].map(encodeLink);
        return [encodeLink(this.#named(payload))];
      case RTM_GETROUTE: {
        const mtu = nest(8, attrU32(2, this.pathMtu));
        return [Buffer.concat([payload.subarray(0, 12), mtu])];
      }
      default:
        throw new Refusal(EOPNOTSUPP);
    }
  }

  /** The link of a request's index or name. */
  #named(payload: Buffer): Link {
    const index = payload.readInt32LE(4);
    const byIndex = [...this.links.values()].find(link => link.index === index);
    return byIndex ?? this.#existing(index ? '' : decodeLink(payload).name);
  }

  #generic({ type, payload }: Request): Buffer[] {
    if (type === GENL_ID_CTRL) return [Buffer.concat([Buffer.alloc(4), attrU16(1, FAMILY)])];
    if (payload[0] !== WG_CMD_GET_DEVICE) {
      this.#setDevice(genlAttributes(payload));
      return [];
    }
    const device = this.#device(genlAttributes(payload));
    const { privateKey, listenPort, fwmark, peers } = device;
    const body = encodeSetDevice(device.name, {
      ...(privateKey && { privateKey }),
      listenPort,
      fwmark,
      peers,
    });
    const head = [attrU32(WGDEVICE_A_IFINDEX, device.index)];
    if (device.publicKey) head.push(attr(WGDEVICE_A_PUBLIC_KEY, device.publicKey.bytes));
    return body.map((part, n) =>
      Buffer.concat([Buffer.alloc(4), ...(n === 0 ? head : []), withReadings(part, peers)]),
    );
  }

  #device(attributes: Buffer): WgDevice {
    const { name } = this.#existing(decodeDevice([attrU32(WGDEVICE_A_IFINDEX, 0), attributes]).name);
    const device = this.devices.get(name);
    if (!device) throw new Refusal(EOPNOTSUPP);
    return device;
  }

  #setDevice(attributes: Buffer): void {
    const present = this.#device(attributes);
    const given = attrMap(attributes);
    const read = decodeDevice([attrU32(WGDEVICE_A_IFINDEX, present.index), attributes]);
    let peers = given.has(WGDEVICE_A_FLAGS) ? [] : [...present.peers];
    const nests = readAttrs(given.get(WGDEVICE_A_PEERS) ?? Buffer.alloc(0));
    for (const { value } of nests) {
      const fields = attrMap(value);
      const [peer] = decodeDevice([attrU32(1, 0), attrString(2, 'x'), nest(8, nest(0, value))]).peers;
      const flags = readU32(fields.get(WGPEER_A_FLAGS) ?? Buffer.alloc(4));
      peers = setPeer(peers, peer!, fields, flags);
    }
    this.devices.set(present.name, {
      ...present,
      ...(read.privateKey && { privateKey: read.privateKey, publicKey: publicKeyOf(read.privateKey) }),
      ...(read.listenPort && { listenPort: read.listenPort }),
      ...(read.fwmark && { fwmark: read.fwmark }),
      peers,
    });
  }
}

/** Adds what the kernel counts of each peer. */
function withReadings(device: Buffer, peers: readonly WgPeer[]): Buffer {
  let n = 0;
  const parts = readAttrs(device).map(({ type, value }) =>
    type !== WGDEVICE_A_PEERS
      ? attr(type, value)
      : nest(type, ...readAttrs(value).map(({ value }) => nest(0, value, ...readingsOf(peers[n++])))),
  );
  return Buffer.concat(parts);
}

function readingsOf(peer: WgPeer | undefined): Buffer[] {
  if (!peer?.lastHandshake) return [];
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(BigInt(Math.floor(peer.lastHandshake / 1000)));
  return [attr(WGPEER_A_LAST_HANDSHAKE_TIME, time)];
}

function setPeer(peers: WgPeer[], given: WgPeer, fields: Map<number, Buffer>, flags: number): WgPeer[] {
  const same = (peer: WgPeer): boolean => peer.publicKey.equals(given.publicKey);
  const present = peers.find(same);
  const others = peers.filter(peer => !same(peer));
  if (flags & WGPEER_F_REMOVE_ME) return others;
  if (!present && flags & WGPEER_F_UPDATE_ONLY) return peers;
  // An address belongs to one peer: the last that it was given to.
  const kept = others.map(peer => ({
    ...peer,
    allowedIPs: peer.allowedIPs.filter(ip => !given.allowedIPs.some(other => samePrefix(ip, other))),
  }));
  const old = present && !(flags & WGPEER_F_REPLACE_ALLOWEDIPS) ? present.allowedIPs : [];
  const { presharedKey: _, ...rest } = present ?? given;
  const psk = fields.has(2) ? given.presharedKey : present?.presharedKey;
  return [
    ...kept,
    {
      ...rest,
      ...(psk && { presharedKey: psk }),
      ...(given.endpoint && { endpoint: given.endpoint }),
      keepalive: fields.has(5) ? given.keepalive : rest.keepalive,
      allowedIPs: [
        ...old.filter(ip => !given.allowedIPs.some(other => samePrefix(ip, other))),
        ...given.allowedIPs,
      ],
    },
  ];
}

function encodeLink(link: Link): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(link.index, 4);
  header.writeUInt32LE(link.up ? 1 : 0, 8);
  return Buffer.concat([
    header,
    attrString(3, link.name),
    attrU32(4, link.mtu),
    attrU32(27, link.group),
    ...(link.kind ? [nest(IFLA_LINKINFO, attrString(1, link.kind))] : []),
  ]);
}
