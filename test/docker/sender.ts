// A static program that sends numbered datagrams each millisecond, or more seldom, from its first instruction: an executable of its
// own, in whose way no loader, shell or library comes.
import { parseAddress } from '../../src/base/ip.js';

/** Where it is loaded, and how far into the file its code is. */
const BASE = 0x400000;
const HEADERS = 64 + 56;
/** How much there is of a datagram: its number. */
const NUMBER = 4;

/** For each address the instructions that keep its descriptor, and give it to a call. */
const REGISTERS = [
  { keep: '89c3', give: '89df' },
  { keep: '89c5', give: '89ef' },
  { keep: '4189c4', give: '4489e7' },
  { keep: '4189c5', give: '4489ef' },
] as const;

/** The number in a datagram, by the millisecond: the first one has 1. */
export function numberOf(datagram: Buffer): number {
  return datagram.readUInt32LE();
}

/**
 * The program for this machine's processor, an amd64.
 * @param addresses one, or one of either family
 * @param asked as many that get the same at port 53
 */
export function sender(
  addresses: readonly string[],
  port: number,
  { asked = [], everyMs = 1 }: { asked?: readonly string[]; everyMs?: number } = {},
): Buffer {
  const targets = [...addresses.map(text => sockaddr(text, port)), ...asked.map(text => sockaddr(text, 53))];
  const peers = targets.map((sockaddr, n) => ({ ...REGISTERS[n]!, sockaddr }));
  const time = NUMBER;
  const firstPeer = time + 16;
  const code = (data: number): Buffer => {
    let at = data + firstPeer;
    // socket(family, SOCK_DGRAM, 0)
    const opening = peers.map(({ keep, sockaddr }) =>
      Buffer.concat([bytes('b829000000 bf'), u32(sockaddr[0]!), bytes(`be02000000 31d2 0f05 ${keep}`)]),
    );
    // sendto(descriptor, data, NUMBER, 0, sockaddr, its length)
    const sending = peers.map(({ give, sockaddr }) => {
      const call = Buffer.concat([
        ...[bytes(`b82c000000 ${give} be`), u32(data), bytes('ba'), u32(NUMBER)],
        ...[bytes('4531d2 41b8'), u32(at), bytes('41b9'), u32(sockaddr.length), bytes('0f05')],
      ]);
      at += sockaddr.length;
      return call;
    });
    // The number; all of them; nanosleep(time, 0)
    const round = Buffer.concat([
      ...[bytes('ff0425'), u32(data), ...sending],
      ...[bytes('b823000000 bf'), u32(data + time), bytes('31f6 0f05')],
    ]);
    const jump = Buffer.from('e900000000', 'hex');
    jump.writeInt32LE(-(round.length + jump.length), 1);
    return Buffer.concat([...opening, round, jump]);
  };
  const start = BASE + HEADERS;
  const timespec = Buffer.alloc(16);
  timespec.writeUInt32LE(everyMs * 1_000_000, 8);
  const data = start + code(0).length;
  const body = Buffer.concat([
    ...[code(data), Buffer.alloc(NUMBER), timespec],
    ...peers.map(({ sockaddr }) => sockaddr),
  ]);
  const size = HEADERS + body.length;
  const header = Buffer.concat([
    bytes('7f454c46 020101 000000000000000000'),
    bytes('0200 3e00 01000000'),
    u64(start),
    u64(64),
    u64(0),
    bytes('00000000 4000 3800 0100 0000 0000 0000'),
  ]);
  const segment = Buffer.concat([
    bytes('01000000 07000000'),
    ...[0, BASE, BASE, size, size, 0x1000].map(u64),
  ]);
  return Buffer.concat([header, segment, body]);
}

/** A sockaddr_in or sockaddr_in6. */
function sockaddr(text: string, port: number): Buffer {
  const { family, bytes: address } = parseAddress(text)!;
  const head = Buffer.from([family === 4 ? 2 : 10, 0, port >> 8, port & 0xff]);
  const rest =
    family === 4
      ? [Buffer.from(address), Buffer.alloc(8)]
      : [Buffer.alloc(4), Buffer.from(address), Buffer.alloc(4)];
  return Buffer.concat([head, ...rest]);
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}
