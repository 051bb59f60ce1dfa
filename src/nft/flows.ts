// Flows that the kernel tracks (conntrack(8)): which there are of one UDP port, and letting go of one. CTA_* of
// <linux/netfilter/nfnetlink_conntrack.h>. Not here: which flows are to be let go of (labels/diff/stale-flows.ts).

import { DecodeError } from '../base/errors.js';
import { type Address, type Family, fromBytes } from '../base/ip.js';
import {
  type Attr,
  attr,
  attrMap,
  attrU8,
  attrU32,
  nest,
  readAttrs,
  readU8,
  sized,
} from '../netlink/attributes.js';
import { NLM_F_DUMP, type Request } from '../netlink/message.js';
import { NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_UNSPEC, nfAttributes, nfgenmsg, nfnlType } from './nfgenmsg.js';

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const IPCTNL_MSG_CT_GET_STATS = 5;
const NFPROTO = { 4: NFPROTO_IPV4, 6: NFPROTO_IPV6 } as const;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_ZONE = 18;
const CTA_FILTER = 25;

const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;

const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_F_CTA_PROTO_NUM = 1 << 3;
const CTA_FILTER_F_CTA_PROTO_DST_PORT = 1 << 5;

const CTA_STATS_GLOBAL_ENTRIES = 1;

const IPPROTO_UDP = 17;
/** `enum ip_conntrack_status`: the source, or the destination, was translated. */
const IPS_SRC_NAT = 1 << 4;
const IPS_DST_NAT = 1 << 5;

/** One direction of a flow. */
export interface FlowEnd {
  readonly address: Address;
  readonly port: number;
}

/** A UDP flow: the original destination, and the source of the replies. */
export interface Flow {
  readonly destination: FlowEnd;
  /** The source of the answers: after destination NAT another than `destination`. */
  readonly answering: FlowEnd;
  readonly isSourceTranslated: boolean;
  readonly isDestinationTranslated: boolean;
  /** Which one it is, as the kernel wants to be told. */
  readonly handle: { readonly family: number; readonly attrs: readonly Attr[] };
}

/** `conntrack -L -f FAMILY -p udp [--orig-port-dst PORT]`. Kernels before 5.8 filter by the family alone. */
export function getFlowsRequest(family: Family, port?: number): Request {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port ?? 0);
  const proto = nest(
    CTA_TUPLE_PROTO,
    attrU8(CTA_PROTO_NUM, IPPROTO_UDP),
    ...(port === undefined ? [] : [attr(CTA_PROTO_DST_PORT, portBytes)]),
  );
  const flags = CTA_FILTER_F_CTA_PROTO_NUM | (port === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_DST_PORT);
  const payload = Buffer.concat([
    nfgenmsg(NFPROTO[family]),
    nest(CTA_TUPLE_ORIG, proto),
    nest(CTA_FILTER, attrU32(CTA_FILTER_ORIG_FLAGS, flags)),
  ]);
  return { type: messageType(IPCTNL_MSG_CT_GET), flags: NLM_F_DUMP, payload };
}

/** `conntrack -D …` of one flow; ENOENT where it is gone. */
export function deleteFlowRequest({ handle: { family, attrs } }: Flow): Request {
  const payload = Buffer.concat([
    nfgenmsg(family),
    ...attrs.map(({ type, value }) => (type === CTA_TUPLE_ORIG ? nest(type, value) : attr(type, value))),
  ]);
  return { type: messageType(IPCTNL_MSG_CT_DELETE), flags: 0, payload };
}

/** `conntrack -F` of both families. */
export function flushFlowsRequest(): Request {
  return { type: messageType(IPCTNL_MSG_CT_DELETE), flags: 0, payload: nfgenmsg(NFPROTO_UNSPEC) };
}

/** `conntrack -C`: the number of flows, `net.netfilter.nf_conntrack_count`. */
export function countFlowsRequest(): Request {
  return { type: messageType(IPCTNL_MSG_CT_GET_STATS), flags: 0, payload: nfgenmsg(NFPROTO_UNSPEC) };
}

/** Reads the payload of the answer. @throws DecodeError when it is short, damaged or does not say it */
export function decodeFlowCount(payload: Buffer): number {
  const entries = attrMap(nfAttributes(payload)).get(CTA_STATS_GLOBAL_ENTRIES);
  if (!entries) throw new DecodeError('a number of flows that is missing');
  return sized(entries, 4).readUInt32BE(0);
}

/**
 * Reads the payload of an IPCTNL_MSG_CT_NEW. Undefined for what is not UDP.
 * @throws DecodeError when it is short or its attributes are damaged
 */
export function decodeFlow(payload: Buffer): Flow | undefined {
  const attrs = readAttrs(nfAttributes(payload));
  const valueAt = (type: number) => attrs.find(found => found.type === type)?.value;
  const [original, reply, status] = [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS].map(valueAt);
  if (!original || !reply) throw new DecodeError('a flow without its two directions');
  if (protocolOf(original) !== IPPROTO_UDP) return undefined;
  const bits = status ? sized(status, 4).readUInt32BE(0) : 0;
  return {
    destination: endOf(original, [CTA_IP_V4_DST, CTA_IP_V6_DST], CTA_PROTO_DST_PORT),
    answering: endOf(reply, [CTA_IP_V4_SRC, CTA_IP_V6_SRC], CTA_PROTO_SRC_PORT),
    isSourceTranslated: (bits & IPS_SRC_NAT) !== 0,
    isDestinationTranslated: (bits & IPS_DST_NAT) !== 0,
    handle: {
      family: payload.readUInt8(0),
      attrs: attrs.filter(({ type }) => type === CTA_TUPLE_ORIG || type === CTA_ZONE),
    },
  };
}

function protocolOf(tuple: Buffer): number | undefined {
  const number = attrMap(attrMap(tuple).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0)).get(CTA_PROTO_NUM);
  return number && readU8(number);
}

function endOf(tuple: Buffer, [v4, v6]: readonly [number, number], portType: number): FlowEnd {
  const parts = attrMap(tuple);
  const ip = attrMap(parts.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const port = attrMap(parts.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0)).get(portType);
  const address = ip.has(v4) ? sized(ip.get(v4)!, 4) : sized(ip.get(v6) ?? Buffer.alloc(0), 16);
  return { address: fromBytes(address), port: sized(port ?? Buffer.alloc(0), 2).readUInt16BE(0) };
}

function messageType(message: number): number {
  return nfnlType(NFNL_SUBSYS_CTNETLINK, message);
}
