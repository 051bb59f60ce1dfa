// The WireGuard interface of the host that containers become peers of (ifname mode). What others configured on
// it is left, or given back; and so is what another owner's container has. Not here: decisions (peers.ts), containers'
// own links.

import { errorCode, isNotFound, UserError } from '../../base/errors.js';
import { formatPrefix, hostPrefix, type Prefix, sameAddress, samePrefix } from '../../base/ip.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { WgCtrl } from '../../netlink/wireguard/client.js';
import type { WgDevice, WgPeerConfig } from '../../netlink/wireguard/device.js';
import type { Key } from '../../netlink/wireguard/key.js';
import type { Endpoint, PriorPeer } from '../spec/model.js';
import type { PeerRecord, Store } from '../store/store.js';
import { NO_PRESHARED_KEY, type PeerConflict, planPeerConflict, planPeerRemoval } from './peers.js';
import { NOT_READY } from './remote-peer.js';

/** A container that is to become a peer. */
export interface Claim {
  readonly endpoint: Pick<Endpoint, 'id' | 'ipv4' | 'ipv6'>;
  /** The user whose Docker's it is. */
  readonly owner: number;
  readonly peer: WgPeerConfig;
}

interface HostInterfaceParts {
  readonly wg: WgCtrl;
  readonly store: Store;
  readonly queue: KeyedQueue;
}

export class HostInterface {
  readonly #parts: HostInterfaceParts;

  constructor(parts: HostInterfaceParts) {
    this.#parts = parts;
  }

  /** The device as it is now; undefined while it is gone. @throws OpError when it is no WireGuard interface */
  async find(ifname: string): Promise<WgDevice | undefined> {
    try {
      return await this.#parts.wg.device(ifname);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  }

  /**
   * The device as it is now.
   * @throws UserError of code NOT_READY when there is none of that name; UserError when it is no WireGuard interface
   */
  async read(ifname: string): Promise<WgDevice> {
    try {
      return await this.#parts.wg.device(ifname);
    } catch (err) {
      const code = errorCode(err);
      if (code === 'ENODEV') {
        throw new UserError(
          `there is no interface ${ifname} on this host (dwgd.ifname): bring it up first, such as by "wg-quick up ${ifname}"`,
          { cause: err, code: NOT_READY },
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
   * Makes a container a peer of the interface, as that is at this moment: it is read and written in one turn.
   * @param record called before the kernel is touched; with what a peer of the same key was until now, where there is one
   * @throws UserError when another peer, or a container of another owner, has one of its addresses or its key
   */
  addPeer(ifname: string, claim: Claim, record: (prior?: PriorPeer) => void): Promise<void> {
    return this.#inTurn(ifname, async () => {
      const { owner, peer } = claim;
      const records = this.refuseRival(ifname, claim);
      const device = await this.read(ifname);
      const recorded = records.some(
        other => !other.endpoint.pending && other.endpoint.publicKey?.equals(peer.publicKey),
      );
      const conflict = planPeerConflict(device, peer, { trusted: owner === 0, recorded });
      if (conflict.kind === 'taken' || conflict.kind === 'foreign')
        throw refuseForPeer(ifname, claim, conflict);
      if (conflict.kind === 'free') {
        record();
        await this.#parts.wg.configure(ifname, { peers: [{ ...peer, replaceAllowedIPs: true }] });
        return;
      }
      record(conflict.prior);
      const presharedKey = peer.presharedKey ?? NO_PRESHARED_KEY;
      await this.#parts.wg.configure(ifname, { peers: [{ ...peer, presharedKey }] });
    });
  }

  /**
   * Refuses a container what one of another owner has on record; even while that one is missing from the interface, such as
   * after wg-quick(8), or before it has come: it will get its peer.
   * @returns the records of joined containers with one of its addresses, or its key
   * @throws UserError
   */
  refuseRival(ifname: string, claim: Claim): readonly PeerRecord[] {
    const { endpoint, owner, peer } = claim;
    const records = this.#parts.store
      .peersAt(ifname, { ...endpoint, publicKey: peer.publicKey })
      .filter(({ endpoint: { state } }) => state === 'joined');
    // What a user's container waits for is not taken from root: it has no peer yet, and may be refused it.
    const rival = records.find(
      other => other.owner !== owner && !(owner === 0 && other.endpoint.pending === true),
    );
    if (rival) throw refuseForRecord(ifname, claim, rival);
    return records;
  }

  /**
   * Whether a container is a peer already, nobody knows since when, and what is to be given back when it goes: whatever its
   * peer has beside what a container's has. An interface that is gone is fine.
   * @throws UserError as addPeer does
   */
  async findPeer(ifname: string, claim: Claim): Promise<{ isPeer: boolean; prior?: PriorPeer }> {
    const { owner, peer } = claim;
    this.refuseRival(ifname, claim);
    const device = await this.find(ifname);
    if (!device) return { isPeer: false };
    const conflict = planPeerConflict(device, peer, { trusted: owner === 0, recorded: true });
    const isPeer = device.peers.some(({ publicKey }) => publicKey.equals(peer.publicKey));
    if (conflict.kind === 'free') return { isPeer };
    if (conflict.kind !== 'shared') throw refuseForPeer(ifname, claim, conflict);
    const isOurs = (ip: Prefix): boolean => peer.allowedIPs?.some(own => samePrefix(ip, own)) === true;
    const allowedIPs = conflict.prior.allowedIPs.filter(ip => !isOurs(ip));
    return { isPeer, ...(allowedIPs.length > 0 && { prior: { ...conflict.prior, allowedIPs } }) };
  }

  /**
   * Takes a container's peer off the interface, unless another container is that peer, too; an interface that is gone is
   * fine.
   */
  removePeer(ifname: string, publicKey: Key, { id, priorPeer }: Endpoint): Promise<void> {
    return this.#inTurn(ifname, async () => {
      const records = this.#parts.store.peersAt(ifname, { publicKey });
      if (records.some(({ endpoint }) => endpoint.id !== id && !endpoint.pending)) return;
      try {
        await this.#parts.wg.configure(ifname, { peers: [planPeerRemoval(publicKey, priorPeer)] });
      } catch (err) {
        if (!isNotFound(err) && errorCode(err) !== 'EOPNOTSUPP') throw err;
      }
    });
  }

  /** One at a time on each interface. No endpoint has such an id: a slash is in none. */
  #inTurn(ifname: string, fn: () => Promise<void>): Promise<void> {
    return this.#parts.queue.run(`interface/${ifname}`, fn);
  }
}

/** Messages to users other than root name no keys and no other users. */
function refuseForPeer(
  ifname: string,
  { owner }: Claim,
  conflict: Extract<PeerConflict, { kind: 'taken' | 'foreign' }>,
): UserError {
  if (conflict.kind === 'foreign') return refuseKey(ifname);
  const prefix = formatPrefix(conflict.prefix);
  if (owner !== 0) return refuseAddress(ifname, prefix);
  const key = conflict.by.publicKey;
  return new UserError(
    `${prefix} belongs to the peer ${key} of ${ifname} already: give another --ip, or take that peer away (wg set ${ifname} peer ${key} remove)`,
  );
}

function refuseForRecord(ifname: string, { endpoint, owner, peer }: Claim, rival: PeerRecord): UserError {
  const taken = [endpoint.ipv4, endpoint.ipv6].find(
    address =>
      address &&
      [rival.endpoint.ipv4, rival.endpoint.ipv6].some(other => other && sameAddress(address, other)),
  );
  if (!taken) {
    if (owner !== 0) return refuseKey(ifname);
    return new UserError(
      `the peer ${peer.publicKey} of ${ifname} is a container of user ${rival.owner}: give this network a dwgd.seed of its own`,
    );
  }
  const prefix = formatPrefix(hostPrefix(taken));
  if (owner !== 0) return refuseAddress(ifname, prefix);
  return new UserError(
    `${prefix} belongs to a container of user ${rival.owner} on ${ifname} already: give another --ip`,
  );
}

function refuseAddress(ifname: string, prefix: string): UserError {
  return new UserError(`${prefix} is taken on ${ifname} already: give another --ip`);
}

function refuseKey(ifname: string): UserError {
  return new UserError(
    `${ifname} has a peer with the key of this seed and address already: give the network a dwgd.seed of its own`,
  );
}
