// Generic netlink: struct genlmsghdr of <linux/genetlink.h> and the controller's answer to "which number has
// this family". Not here: sockets, families.

import { DecodeError } from '../base/errors.js';
import { attrMap, attrString, readU16 } from './attributes.js';
import type { Request } from './message.js';

const GENL_HDRLEN = 4;
export const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_VERSION = 1;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;

/** A request of a family: command and version in front of the attributes. */
export function genlRequest(
  family: number,
  command: number,
  version: number,
  attributes: Buffer,
  flags = 0,
): Request {
  const header = Buffer.from([command, version, 0, 0]);
  return { type: family, flags, payload: Buffer.concat([header, attributes]) };
}

/** `genl ctrl get name NAME`. */
export function getFamilyRequest(name: string): Request {
  return genlRequest(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_VERSION, attrString(CTRL_ATTR_FAMILY_NAME, name));
}

/** The attributes of a generic netlink message. @throws DecodeError when it is shorter than its header */
export function genlAttributes(payload: Buffer): Buffer {
  if (payload.length < GENL_HDRLEN) throw new DecodeError(`a genlmsghdr of ${payload.length} bytes`);
  return payload.subarray(GENL_HDRLEN);
}

/** The family's number out of the controller's answer. @throws DecodeError when it has none */
export function decodeFamilyId(payload: Buffer): number {
  const id = attrMap(genlAttributes(payload)).get(CTRL_ATTR_FAMILY_ID);
  if (!id) throw new DecodeError('a generic netlink family without CTRL_ATTR_FAMILY_ID');
  return readU16(id);
}
