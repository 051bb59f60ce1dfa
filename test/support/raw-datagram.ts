// A datagram with whatever source port, by a raw socket: no other has 0.
import { close, SOCK_RAW, sendto, socket } from '../../native/libc-sockets.js';

const AF_INET = 2;
const IPPROTO_UDP = 17;

/** From 127.0.0.1 to 127.0.0.1, without a checksum. */
export function sendFromPort(sourcePort: number, port: number, text: string): void {
  const datagram = Buffer.alloc(8 + text.length);
  for (const [n, value] of [sourcePort, port, datagram.length].entries())
    datagram.writeUInt16BE(value, 2 * n);
  datagram.write(text, 8);
  const to = Buffer.alloc(16);
  to.writeUInt16LE(AF_INET);
  to.set([127, 0, 0, 1], 4);
  const fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  try {
    sendto(fd, datagram, to, '127.0.0.1');
  } finally {
    close(fd);
  }
}
