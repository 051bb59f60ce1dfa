// The first packet of a connection that nobody has made yet, as its headers say it. Pure. Not here: what rules see of it
// (loads.ts), where it goes (walk.ts).

import type { Address, Family } from '../../base/ip.js';
import { type Bits, hostWord, isKnown, knownBits, patchBits, sliceBits, unknownBits } from './bits.js';

export type AskedProtocol = 'tcp' | 'udp' | 'icmp';

/** What is asked about. */
export interface PacketQuestion {
  readonly to: Address;
  readonly protocol: AskedProtocol;
  /** Absent: any. */
  readonly port?: number;
}

/** A link as rules know it. */
export interface LinkRef {
  readonly index: number;
  readonly name: string;
}

/** Where the addresses and the next header stand. */
const PLACES = { 4: { source: 12, destination: 16 }, 6: { source: 8, destination: 24 } } as const;
const [TCP_SYN, TCP_FLAGS_AT] = [0x02, 13] as const;
const HEADER_BYTES = { tcp: 20, udp: 8, icmp: 8 } as const;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;

/** IPPROTO_*. */
export function protocolNumber(protocol: AskedProtocol, family: Family): number {
  return protocol === 'tcp' ? 6 : protocol === 'udp' ? 17 : family === 4 ? 1 : 58;
}

/** A packet under way, changed by the rules that it meets. */
export class Packet {
  readonly family: Family;
  readonly protocol: AskedProtocol;
  network: Bits;
  transport: Bits;
  mark: Bits = hostWord(0);
  connectionMark: Bits = hostWord(0);
  /** Whether the namespace tracks its connection by now, and whether a rule has said that it is not to. */
  isTracked = false;
  isUntracked = false;
  /** Bits of ct status: what translation was made. */
  status = 0;
  /** What kinds of translation have been decided: a rule that comes later changes nothing. */
  readonly translated = { source: false, destination: false };
  /** As the namespace saw it first. */
  original: { network: Bits; transport: Bits };
  iif: LinkRef | undefined;
  oif: LinkRef | undefined;

  constructor({ to, protocol, port }: PacketQuestion) {
    this.family = to.family;
    this.protocol = protocol;
    this.network = networkHeader(to.family, protocol);
    this.transport = transportHeader(to.family, protocol, port);
    this.setAddress('destination', knownBits(to.bytes));
    this.original = { network: this.network, transport: this.transport };
  }

  /** Another packet that is the same by now. */
  copy(): Packet {
    const { translated } = this;
    return Object.assign(Object.create(Packet.prototype) as Packet, this, { translated: { ...translated } });
  }

  /** Forgets what belongs to the namespace that it leaves. */
  enter(link: LinkRef): void {
    this.mark = hostWord(0);
    this.connectionMark = hostWord(0);
    [this.isTracked, this.isUntracked, this.status] = [false, false, 0];
    Object.assign(this.translated, { source: false, destination: false });
    [this.iif, this.oif] = [link, undefined];
    this.original = { network: this.network, transport: this.transport };
  }

  address(end: 'source' | 'destination'): Bits {
    return sliceBits(this.network, PLACES[this.family][end], this.family === 4 ? 4 : 16);
  }

  setAddress(end: 'source' | 'destination', value: Bits): void {
    this.network = patchBits(this.network, PLACES[this.family][end], value);
  }

  /** The port that it goes to, if it has one that is known. */
  get port(): number | undefined {
    const bits = sliceBits(this.transport, 2, 2);
    return this.protocol !== 'icmp' && isKnown(bits) ? bits.value.readUInt16BE() : undefined;
  }

  setPort(value: Bits): void {
    if (this.protocol !== 'icmp') this.transport = patchBits(this.transport, 2, value);
  }

  /** The source port: which one is left to the kernel. */
  forgetSourcePort(): void {
    if (this.protocol !== 'icmp') this.transport = patchBits(this.transport, 0, unknownBits(2));
  }
}

/** No options, no fragment; lengths, checksums and the TTL are not known. */
function networkHeader(family: Family, protocol: AskedProtocol): Bits {
  const number = protocolNumber(protocol, family);
  if (family === 6) {
    const header = patchBits(unknownBits(40), 0, { value: Buffer.from([0x60]), known: Buffer.from([0xff]) });
    return patchBits(header, 6, knownBits([number]));
  }
  const start = patchBits(unknownBits(20), 0, knownBits([0x45, 0]));
  // Whether it may be fragmented is up to the program; it is no fragment.
  const fragment = { value: Buffer.from([0, 0]), known: Buffer.from([0xbf, 0xff]) };
  return patchBits(patchBits(start, 6, fragment), 9, knownBits([number]));
}

function transportHeader(family: Family, protocol: AskedProtocol, port: number | undefined): Bits {
  const header = unknownBits(HEADER_BYTES[protocol]);
  if (protocol === 'icmp') return patchBits(header, 0, knownBits([ECHO_REQUEST[family], 0]));
  const withPort = port === undefined ? header : patchBits(header, 2, portBits(port));
  return protocol === 'tcp' ? patchBits(withPort, TCP_FLAGS_AT, knownBits([TCP_SYN])) : withPort;
}

/** A port as it stands in a header. */
export function portBits(port: number): Bits {
  return knownBits([port >> 8, port & 0xff]);
}
