// IP packets as bytes and as words: TCP, UDP, ICMP, ESP and AH of both families, enough to try rules with. Not here: the way to
// a network (router.ts).
import { parseAddress } from '../../src/base/ip.js';

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'esp' | 'ah';
  /** Of ESP and AH. */
  readonly spi?: number;
  /** A header of IPv6 before the protocol's own: options of a destination, of eight octets, or a route of 24, of type 0 or 4. */
  readonly before?: 'dst' | 'rt' | 'srh';
  readonly sport?: number;
  readonly dport?: number;
  /** Of TCP: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  readonly flags?: number;
  readonly mss?: number;
  /** Of ICMP, type and code. */
  readonly type?: number;
  readonly code?: number;
  readonly ttl?: number;
  readonly tos?: number;
  /** Bytes of payload. */
  readonly size?: number;
}

/** RFC 1071. */
function checksum(...parts: readonly Buffer[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const NUMBERS = { tcp: 6, udp: 17, icmp: 1, esp: 50, ah: 51 } as const;

/** Each begins with the number of what comes next. */
const BEFORE = {
  dst: { number: 60, rest: Buffer.from([0, 1, 4, 0, 0, 0, 0]) },
  // The last segment is the first of one, and the tag 0x0707: iptables has its octets the wrong way round.
  srh: { number: 43, rest: Buffer.concat([Buffer.from([2, 4, 0, 0, 0, 7, 7]), Buffer.alloc(16)]) },
  rt: { number: 43, rest: Buffer.concat([Buffer.from([2, 0, 0]), Buffer.alloc(20)]) },
} as const;

/** The packet whole, from its IP header on. */
export function encode(packet: Packet): Buffer {
  const from = parseAddress(packet.from)!;
  const to = parseAddress(packet.to)!;
  const protocol = packet.protocol === 'icmp' && from.family === 6 ? 58 : NUMBERS[packet.protocol];
  const { body, at } = transport(packet);
  const { before } = packet;
  const extension = before ? Buffer.concat([Buffer.from([protocol]), BEFORE[before].rest]) : Buffer.alloc(0);
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt8(protocol, 1);
  pseudo.writeUInt16BE(body.length, 2);
  const covered = protocol === 1 ? [body] : [from.bytes, to.bytes, pseudo, body];
  if (at !== undefined) body.writeUInt16BE(checksum(...covered) || 0xffff, at);
  const { ttl = 64, tos = 0 } = packet;
  const header = Buffer.alloc(from.family === 4 ? 12 : 8);
  if (from.family === 4) {
    header.writeUInt16BE(0x4500 | tos, 0);
    header.writeUInt16BE(20 + body.length, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt8(ttl, 8);
    header.writeUInt8(protocol, 9);
  } else {
    header.writeUInt16BE(0x6000 | (tos << 4), 0);
    header.writeUInt16BE(extension.length + body.length, 4);
    header.writeUInt8(before ? BEFORE[before].number : protocol, 6);
    header.writeUInt8(ttl, 7);
  }
  return Buffer.concat([header, from.bytes, to.bytes, extension, body]);
}

/** What follows the IP header, and where its checksum stands in it, if it has one. */
function transport({
  protocol,
  sport = 0,
  dport = 0,
  flags = 2,
  mss,
  type = 8,
  code = 0,
  size = 8,
  spi = 0,
}: Packet): {
  body: Buffer;
  at?: number;
} {
  const payload = Buffer.alloc(size, 'x');
  if (protocol === 'udp') {
    const header = Buffer.alloc(8);
    header.writeUInt16BE(sport, 0);
    header.writeUInt16BE(dport, 2);
    header.writeUInt16BE(8 + size, 4);
    return { body: Buffer.concat([header, payload]), at: 6 };
  }
  if (protocol === 'esp' || protocol === 'ah') {
    const header = Buffer.alloc(protocol === 'esp' ? 8 : 24);
    header.writeUInt32BE(spi, protocol === 'esp' ? 0 : 4);
    // Nothing comes after it, and the sequence number is what sport is to others.
    if (protocol === 'ah') header.writeUInt16BE(0x3b04, 0);
    header.writeUInt32BE(sport, protocol === 'esp' ? 4 : 8);
    return { body: Buffer.concat([header, payload]) };
  }
  if (protocol === 'icmp') {
    // The identifier of an echo is what sport is to others.
    const header = Buffer.from([type, code, 0, 0, sport >> 8, sport & 0xff, 0, 1]);
    return { body: Buffer.concat([header, payload]), at: 2 };
  }
  const options = mss === undefined ? Buffer.alloc(0) : Buffer.from([2, 4, mss >> 8, mss & 0xff]);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(sport, 0);
  header.writeUInt16BE(dport, 2);
  header.writeUInt32BE(1000, 4);
  header.writeUInt8(((20 + options.length) / 4) << 4, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(64_000, 14);
  return { body: Buffer.concat([header, options]), at: 16 };
}

function text4(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 4)].join('.');
}

function text6(bytes: Buffer, at: number): string {
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16)).join(':');
}

/** Neighbour discovery and multicast listeners: the network's own talk, not ours. */
const NOISE = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/** A packet in words, without what is different each time; undefined for what is none of ours. */
export function describe(bytes: Buffer): string | undefined {
  const four = bytes[0]! >> 4 === 4;
  const protocol = bytes[four ? 9 : 6]!;
  const from = four ? text4(bytes, 12) : text6(bytes, 8);
  const to = four ? text4(bytes, 16) : text6(bytes, 24);
  const ttl = bytes[four ? 8 : 7]!;
  const tos = four ? bytes[1]! : (bytes.readUInt16BE(0) >> 4) & 0xff;
  const start = four ? (bytes[0]! & 15) * 4 : 40;
  const extension = !four && (protocol === 60 || protocol === 43);
  const rest = extension
    ? describeTransport(bytes.subarray(start + 8 + bytes[start + 1]! * 8), bytes[start]!)
    : describeTransport(bytes.subarray(start), protocol);
  return rest && `${from} > ${to} ttl ${ttl} tos ${tos} ${extension ? `after ${protocol} ` : ''}${rest}`;
}

function describeTransport(body: Buffer, protocol: number): string | undefined {
  if (body.length < 8) return undefined;
  const ports = (): string => `${body.readUInt16BE(0)} > ${body.readUInt16BE(2)}`;
  if (protocol === 17) return `udp ${ports()} length ${body.readUInt16BE(4)}`;
  if (protocol === 6) {
    const mss = body.length >= 24 && body[20] === 2 ? ` mss ${body.readUInt16BE(22)}` : '';
    return `tcp ${ports()} flags ${body[13]}${mss}`;
  }
  if (protocol === 50) return `esp ${body.readUInt32BE(0)} number ${body.readUInt32BE(4)}`;
  if (protocol === 51) return `ah ${body.readUInt32BE(4)} number ${body.readUInt32BE(8)}`;
  if (protocol === 58 && NOISE.includes(body[0]!)) return undefined;
  if (protocol !== 1 && protocol !== 58) return undefined;
  const error = protocol === 1 ? [3, 5, 11, 12].includes(body[0]!) : body[0]! < 128;
  const about = error
    ? `about ${describe(body.subarray(8))?.replace(/ttl \d+ /, '')}`
    : `id ${body.readUInt16BE(4)}`;
  return `icmp ${body[0]}/${body[1]} ${about}`;
}
