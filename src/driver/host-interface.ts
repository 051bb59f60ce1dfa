// The WireGuard interface of the host that containers become peers of (ifname mode). What others configured on
// it is left, or given back. Not here: decisions (peers.ts), containers' own links.

import { errorCode, isNotFound, UserError } from '../errors.js';
import { formatPrefix } from '../ip.js';
import type { Key } from '../netlink/key.js';
import type { WgCtrl } from '../netlink/wgctrl.js';
import type { WgDevice, WgPeerConfig } from '../netlink/wireguard.js';
import type { PriorPeer } from './network.js';
import { NO_PRESHARED_KEY, planPeerRemoval, planPeerStanding } from './peers.js';

export class HostInterface {
  readonly #wg: WgCtrl;

  constructor(wg: WgCtrl) {
    this.#wg = wg;
  }

  /** The device as it is now. @throws UserError when there is none of that name, or it is no WireGuard interface */
  async read(ifname: string): Promise<WgDevice> {
    try {
      return await this.#wg.device(ifname);
    } catch (err) {
      const code = errorCode(err);
      if (code === 'ENODEV') {
        throw new UserError(
          `there is no interface ${ifname} on this host (dwgd.ifname): bring it up first, such as by "wg-quick up ${ifname}"`,
          { cause: err },
        );
      }
      if (code === 'EOPNOTSUPP') {
        throw new UserError(`${ifname} is not a WireGuard interface (dwgd.ifname): give the name of one`, {
          cause: err,
        });
      }
      throw err;
    }
  }

  /**
   * Makes a container a peer of the device.
   * @param trusted as planPeerStanding() has it
   * @param remember called, before the kernel is touched, with what a peer of the same key was until now
   * @throws UserError when another peer holds one of the container's addresses
   */
  async addPeer(
    device: WgDevice,
    wanted: WgPeerConfig,
    trusted: boolean,
    remember: (prior: PriorPeer) => void,
  ): Promise<void> {
    const standing = planPeerStanding(device, wanted, trusted);
    if (standing.kind === 'taken') {
      const { name } = device;
      const key = standing.by.publicKey;
      throw new UserError(
        `${formatPrefix(standing.prefix)} belongs to the peer ${key} of ${name} already: give another --ip, or take that peer away (wg set ${name} peer ${key} remove)`,
      );
    }
    if (standing.kind === 'free') {
      await this.#wg.configure(device.name, { peers: [{ ...wanted, replaceAllowedIPs: true }] });
      return;
    }
    remember(standing.prior);
    const presharedKey = wanted.presharedKey ?? NO_PRESHARED_KEY;
    await this.#wg.configure(device.name, { peers: [{ ...wanted, presharedKey }] });
  }

  /** Takes a container's peer off the interface; an interface that is gone is fine. */
  async removePeer(ifname: string, publicKey: Key, prior: PriorPeer | undefined): Promise<void> {
    try {
      await this.#wg.configure(ifname, { peers: [planPeerRemoval(publicKey, prior)] });
    } catch (err) {
      if (!isNotFound(err) && errorCode(err) !== 'EOPNOTSUPP') throw err;
    }
  }
}
