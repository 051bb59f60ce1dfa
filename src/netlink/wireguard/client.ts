// The verbs of wg(8) on one generic netlink socket: read a device, change a device, in the namespace the
// socket was opened in. Not here: the bytes (encode.ts, decode.ts), links.

import { isNotFound, UserError } from '../../base/errors.js';
import type { Trace } from '../../base/trace.js';
import { NETLINK_GENERIC, type NetlinkChannel, NetlinkSocket } from '../event-socket.js';
import { decodeFamilyId, genlAttributes, genlRequest, getFamilyRequest } from '../generic.js';
import { NLM_F_DUMP } from '../message.js';
import { decodeDevice } from './decode.js';
import { wgSet } from './describe.js';
import {
  WG_CMD_GET_DEVICE,
  WG_CMD_SET_DEVICE,
  WG_GENL_NAME,
  WG_GENL_VERSION,
  type WgDevice,
  type WgDeviceConfig,
} from './device.js';
import { encodeGetDevice, encodeSetDevice } from './encode.js';

export class WgCtrl {
  readonly #channel: NetlinkChannel;
  readonly #trace: Trace | undefined;
  #family: number | undefined;

  /** Without a channel: a socket of the namespace of the calling thread, opened synchronously. */
  constructor(channel: NetlinkChannel = new NetlinkSocket(NETLINK_GENERIC), trace?: Trace) {
    this.#channel = channel;
    this.#trace = trace;
  }

  close(): void {
    this.#channel.close();
  }

  /**
   * `wg show NAME dump`.
   * @throws OpError: ENODEV (no such link), EOPNOTSUPP (not a WireGuard link)
   */
  async device(name: string): Promise<WgDevice> {
    const request = genlRequest(
      await this.#familyId(),
      WG_CMD_GET_DEVICE,
      WG_GENL_VERSION,
      encodeGetDevice(name),
      NLM_F_DUMP,
    );
    const replies = await this.#channel.request(request, { op: 'reading WireGuard device', subject: name });
    return decodeDevice(replies.map(({ payload }) => genlAttributes(payload)));
  }

  /**
   * `wg set NAME …`: as one request, or as several in order where the peers do not fit one.
   * @throws OpError: ENODEV, EOPNOTSUPP, EADDRINUSE (listen port)
   */
  async configure(name: string, config: WgDeviceConfig): Promise<void> {
    this.#trace?.(wgSet(name, config));
    const family = await this.#familyId();
    for (const payload of encodeSetDevice(name, config)) {
      const request = genlRequest(family, WG_CMD_SET_DEVICE, WG_GENL_VERSION, payload);
      await this.#channel.request(request, { op: 'configuring WireGuard device', subject: name });
    }
  }

  async #familyId(): Promise<number> {
    if (this.#family !== undefined) return this.#family;
    try {
      const purpose = { op: 'finding generic netlink family', subject: WG_GENL_NAME };
      const [reply] = await this.#channel.request(getFamilyRequest(WG_GENL_NAME), purpose);
      this.#family = decodeFamilyId(reply?.payload ?? Buffer.alloc(0));
      return this.#family;
    } catch (err) {
      if (!isNotFound(err)) throw err;
      throw new UserError('this kernel has no WireGuard: load the module (modprobe wireguard)', {
        cause: err,
      });
    }
  }
}
