// A program that sends forged netlink answers to a port of its own namespace, as fast as it can, until it is ended:
// what any process with CAP_NET_ADMIN over the namespace can do.
// Arguments: NETLINK_* protocol, port, sequence numbers (a comma between), the name of a link that is to be believed.
import { DataType, define, open } from 'ffi-rs';
import { AF_NETLINK, SOCK_RAW, socket } from '../../native/libc-sockets.js';
import { attrString } from '../../src/netlink/attributes.js';
import { encodeRequest, NLMSG_ERROR } from '../../src/netlink/message.js';
import { IFLA_IFNAME, RTM_NEWLINK } from '../../src/netlink/route/link.js';

const int = DataType.I32;
const bytes = DataType.U8Array;
open({ library: 'forger', path: 'libc.so.6' });
const { sendto } = define({
  sendto: { library: 'forger', retType: int, paramsType: [int, bytes, int, int, bytes, int] },
});

const [protocol = '', port = '', seqs = '', name = ''] = process.argv.slice(2);
const link = Buffer.concat([Buffer.alloc(16), attrString(IFLA_IFNAME, name)]);
const forged = Buffer.concat(
  seqs.split(',').flatMap(seq => [
    encodeRequest({ type: RTM_NEWLINK, flags: 0, payload: link }, Number(seq)),
    // An acknowledgement: errno 0, then the header of what is acknowledged.
    encodeRequest({ type: NLMSG_ERROR, flags: 0, payload: Buffer.alloc(20) }, Number(seq)),
  ]),
);
const to = Buffer.alloc(12);
to.writeUInt16LE(AF_NETLINK);
to.writeUInt32LE(Number(port), 4);
const fd = socket(AF_NETLINK, SOCK_RAW, Number(protocol));
let taken = 0;
process.stdout.write('forging\n');
process.on('SIGTERM', () => {
  process.stdout.write(`${taken} taken\n`);
  process.exit();
});
const flood = (): void => {
  for (let n = 0; n < 1_000; n++)
    if (Number(sendto([fd, forged, forged.length, 0x40, to, to.length])) > 0) taken++;
  setImmediate(flood);
};
flood();
