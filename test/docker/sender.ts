// A static program that sends a datagram each millisecond from its first instruction: an executable of its own, in whose way no
// loader, shell or library comes.

/** Where it is loaded, and how far into the file its code is. */
const BASE = 0x400000;
const HEADERS = 64 + 56;

/** The program for this machine's processor, an amd64. @param address IPv4 */
export function sender(address: string, port: number): Buffer {
  const code = (data: number): Buffer =>
    Buffer.concat([
      // socket(AF_INET, SOCK_DGRAM, 0), its descriptor in ebx
      bytes('b829000000 bf02000000 be02000000 31d2 0f05 89c3'),
      // sendto(ebx, data, 4, 0, address, 16)
      bytes('b82c000000 89df be'),
      u32(data),
      bytes('ba04000000 4531d2 41b8'),
      u32(data + 4),
      bytes('41b910000000 0f05'),
      // nanosleep(data + 20, 0), and once more
      bytes('b823000000 bf'),
      u32(data + 20),
      bytes('31f6 0f05 ebce'),
    ]);
  const start = BASE + HEADERS;
  const data = start + code(0).length;
  const sockaddr = Buffer.from([2, 0, port >> 8, port & 0xff, ...address.split('.').map(Number)]);
  const timespec = Buffer.alloc(16);
  timespec.writeUInt32LE(1_000_000, 8);
  const body = Buffer.concat([code(data), bytes('61626364'), sockaddr, Buffer.alloc(8), timespec]);
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
    bytes('01000000 05000000'),
    ...[0, BASE, BASE, size, size, 0x1000].map(u64),
  ]);
  return Buffer.concat([header, segment, body]);
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
