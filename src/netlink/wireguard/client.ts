// The verbs of wg(8) on one generic netlink connection: read a device, change a device, in the namespace the
// connection was opened in. Not here: the bytes (encode.ts, decode.ts), links.

import { isNotFound, UserError } from '../../base/errors.js';
import { faultPoint } from '../../fault/fault-point.js';
import { type Connection, openConnection } from '../connection.js';
import { decodeFamilyId, genlAttributes, genlRequest, getFamilyRequest } from '../generic.js';
import { NETLINK_GENERIC, NLM_F_DUMP } from '../message.js';
import type { Trace } from '../trace.js';
import { configurationDigest } from './configuration-digest.js';
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
  readonly #connection: Connection;
  readonly #trace: Trace | undefined;
  #family: number | undefined;

  /** Without a connection: one of the namespace of the calling thread, opened now. */
  constructor(connection: Connection = openConnection(NETLINK_GENERIC), trace?: Trace) {
    this.#connection = connection;
    this.#trace = trace;
  }

  close(): void {
    this.#connection.close();
  }

  /** Whether the kernel has WireGuard; the kernel loads the module by this, where it may. @throws OpError, ChannelError */
  isSupported(): boolean {
    try {
      return this.#familyId() > 0;
    } catch (err) {
      if (err instanceof UserError) return false;
      throw err;
    }
  }

  /**
   * `wg show NAME dump`.
   * @throws OpError: ENODEV (no such link), EOPNOTSUPP (not a WireGuard link)
   */
  device(name: string): WgDevice {
    return decodeDevice(this.#dump(name));
  }

  /** A digest of what is configured on a device: see configurationDigest(). Throws as device() does. */
  configurationDigest(name: string): string {
    return configurationDigest(this.#dump(name));
  }

  #dump(name: string): Buffer[] {
    const request = genlRequest(
      this.#familyId(),
      WG_CMD_GET_DEVICE,
      WG_GENL_VERSION,
      encodeGetDevice(name),
      NLM_F_DUMP,
    );
    const replies = this.#connection.request(request, { op: 'reading WireGuard device', subject: name });
    return replies.map(({ payload }) => genlAttributes(payload));
  }

  /**
   * `wg set NAME …`: as one request, or as several in order where the peers do not fit one.
   * @throws OpError: ENODEV, EOPNOTSUPP, EADDRINUSE (listen port)
   */
  configure(name: string, config: WgDeviceConfig): void {
    this.#trace?.(wgSet(name, config));
    const family = this.#familyId();
    for (const payload of encodeSetDevice(name, config)) {
      const request = genlRequest(family, WG_CMD_SET_DEVICE, WG_GENL_VERSION, payload);
      faultPoint('wireguard');
      this.#connection.request(request, { op: 'configuring WireGuard device', subject: name });
    }
  }

  #familyId(): number {
    if (this.#family !== undefined) return this.#family;
    try {
      const context = { op: 'finding generic netlink family', subject: WG_GENL_NAME };
      const [reply] = this.#connection.request(getFamilyRequest(WG_GENL_NAME), context);
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
