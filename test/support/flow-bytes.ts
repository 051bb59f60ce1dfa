// Tracked flows as the kernel tells of them: payloads of IPCTNL_MSG_CT_NEW, by <linux/netfilter/nfnetlink_conntrack.h>.
// Not here: reading them, which is what is tested.
import { attr, attrU8, nest } from '../../src/netlink/attributes.js';
import { address } from './label-world.js';

const [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_ZONE] = [1, 2, 3, 18];
const [CTA_TUPLE_IP, CTA_TUPLE_PROTO] = [1, 2];
const [CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT] = [1, 2, 3];
const [AF_INET, AF_INET6] = [2, 10];
const IPPROTO_UDP = 17;

/** A flow, from `ADDRESS/PORT` to `ADDRESS/PORT`. */
export interface FlowWords {
  readonly from: string;
  readonly to: string;
  /** Who answers; absent: `to` itself. */
  readonly answering?: string;
  /** IPPROTO_*; absent: UDP. */
  readonly protocol?: number;
  /** IPS_*. */
  readonly status?: number;
  readonly zone?: number;
}

export function flowBytes({
  from,
  to,
  answering = to,
  protocol = IPPROTO_UDP,
  status = 0,
  zone,
}: FlowWords): Buffer {
  const family = from.includes(':') ? AF_INET6 : AF_INET;
  const u32be = Buffer.alloc(4);
  u32be.writeUInt32BE(status);
  return Buffer.concat([
    Buffer.from([family!, 0, 0, 0]),
    tuple(CTA_TUPLE_ORIG!, from, to, protocol),
    tuple(CTA_TUPLE_REPLY!, answering, from, protocol),
    attr(CTA_STATUS!, u32be),
    ...(zone === undefined ? [] : [attr(CTA_ZONE!, u16be(zone))]),
  ]);
}

function tuple(type: number, from: string, to: string, protocol: number): Buffer {
  const [source, destination] = [from, to].map(end => {
    const [ip = '', port] = end.split('/');
    return { bytes: address(ip).bytes, port: u16be(Number(port)) };
  });
  // CTA_IP_V4_SRC and CTA_IP_V4_DST, and those of IPv6 behind them.
  const first = source!.bytes.length === 4 ? 1 : 3;
  return nest(
    type,
    nest(
      CTA_TUPLE_IP!,
      attr(first, Buffer.from(source!.bytes)),
      attr(first + 1, Buffer.from(destination!.bytes)),
    ),
    nest(
      CTA_TUPLE_PROTO!,
      attrU8(CTA_PROTO_NUM!, protocol),
      attr(CTA_PROTO_SRC_PORT!, source!.port),
      attr(CTA_PROTO_DST_PORT!, destination!.port),
    ),
  );
}

function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
