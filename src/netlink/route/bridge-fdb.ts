// Whom a bridge has heard behind which of its ports, as `bridge fdb show br BRIDGE` lists it. Not here: neighbours by their
// addresses (neighbour.ts), links (link.ts).

import { DecodeError } from '../../base/errors.js';
import { attrMap, attrU32, readU32 } from '../attributes.js';
import type { Connection } from '../connection.js';
import { NLM_F_DUMP, type Request } from '../message.js';
import { formatMac } from './link.js';
import { NUD_PERMANENT, RTM_GETNEIGH } from './neighbour.js';

const AF_BRIDGE = 7;
const [NDA_LLADDR, NDA_MASTER] = [2, 9] as const;
const [NDMSG_LEN, MAC_LENGTH] = [12, 6] as const;

/** Who sends by a bridge. */
export interface BridgeSender {
  /** A link-layer address: `02:42:0a:00:00:01`. */
  readonly mac: string;
  /** The index of the port behind which it is. */
  readonly port: number;
}

/** Who was heard on a bridge, or is entered there by hand. @param bridge its index @throws OpError, ChannelError, DecodeError */
export function bridgeSenders(connection: Connection, bridge: number): BridgeSender[] {
  const answers = connection.request(getFdbRequest(bridge), {
    op: 'listing',
    subject: 'senders of a bridge',
  });
  return answers.flatMap(({ payload }) => decodeFdb(payload, bridge) ?? []);
}

/** `bridge fdb show br BRIDGE`; kernels before 5.0 answer for all bridges. */
function getFdbRequest(bridge: number): Request {
  const header = Buffer.alloc(NDMSG_LEN);
  header.writeUInt8(AF_BRIDGE, 0);
  return {
    type: RTM_GETNEIGH,
    flags: NLM_F_DUMP,
    payload: Buffer.concat([header, attrU32(NDA_MASTER, bridge)]),
  };
}

/**
 * Reads the payload of an RTM_NEWNEIGH. Undefined for one of another bridge, or of the bridge and its ports themselves.
 * @throws DecodeError when it is short or its attributes are damaged
 */
function decodeFdb(payload: Buffer, bridge: number): BridgeSender | undefined {
  if (payload.length < NDMSG_LEN) throw new DecodeError(`an ndmsg of ${payload.length} bytes`);
  const attrs = attrMap(payload.subarray(NDMSG_LEN));
  const [lladdr, master] = [attrs.get(NDA_LLADDR), attrs.get(NDA_MASTER)];
  const isOwn = (payload.readUInt16LE(8) & NUD_PERMANENT) !== 0;
  if (isOwn || lladdr?.length !== MAC_LENGTH || !master || readU32(master) !== bridge) return undefined;
  return { mac: formatMac(lladdr), port: payload.readInt32LE(4) };
}
