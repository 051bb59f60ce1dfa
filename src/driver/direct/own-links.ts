// Links of tunnels that containers have themselves: found in the container, compared with the file, and changed in place. Not here:
// when (direct-tunnels.ts), their making (direct-exits.ts).

import { isNotFound } from '../../base/errors.js';
import { type Prefix, samePrefix } from '../../base/ip.js';
import type { Log } from '../../base/log.js';
import type { WgDevice, WgPeer } from '../../netlink/wireguard/device.js';
import { type Key, publicKey } from '../../netlink/wireguard/key.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import { planDevice } from '../router/desired-router.js';
import { diffDevice } from '../router/diff-router.js';
import type { ExitTunnel } from '../router/exit-tunnel.js';
import type { Endpoint, ExitNetwork } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerSockets, ContainerTunnels } from '../tunnel/container-tunnels.js';
import { furtherAddresses } from './direct-plan.js';

interface OwnLinksParts {
  readonly store: Pick<Store, 'putEndpoint'>;
  /** The way into containers. */
  readonly tunnels: Pick<ContainerTunnels, 'work'>;
  readonly log: Log;
}

export class OwnLinks {
  readonly #parts: OwnLinksParts;
  /** Deriving one takes milliseconds. */
  readonly #keys = new WeakMap<TunnelFile, Key>();

  constructor(parts: OwnLinksParts) {
    this.#parts = parts;
  }

  /** The key of the container's end. */
  keyOf(file: TunnelFile): Key {
    const key = this.#keys.get(file) ?? publicKey(file.privateKey);
    this.#keys.set(file, key);
    return key;
  }

  /** The link as it is now; undefined where it, or its container, is not there. @throws OpError, ChannelError */
  read(network: ExitNetwork, endpoint: Endpoint, file: TunnelFile | undefined): WgDevice | undefined {
    return this.#work(network, endpoint, file, device => device);
  }

  /**
   * Brings the link to what the file says.
   * @param areEndpointsTold whether its peers were told where their other ends are: those may have moved since
   * @returns its peers as they were before; undefined where it is not there
   * @throws OpError, ChannelError
   */
  bring(
    network: ExitNetwork,
    endpoint: Endpoint,
    tunnel: ExitTunnel,
    areEndpointsTold: boolean,
  ): readonly WgPeer[] | undefined {
    return this.#work(network, endpoint, tunnel.file, (device, sockets) => {
      const change = diffDevice(planDevice(tunnel), device, areEndpointsTold);
      if (change) {
        const key = this.keyOf(tunnel.file);
        sockets.wg.configure(device.name, change);
        if (!endpoint.publicKey?.equals(key)) this.#parts.store.putEndpoint({ ...endpoint, publicKey: key });
        this.#parts.log.info({ endpoint: shortId(endpoint.id) }, "updated a container's tunnel");
      }
      for (const prefix of missing(endpoint, tunnel.file, device, sockets))
        sockets.rt.addAddress({ index: device.index, prefix });
      return device.peers;
    });
  }

  #work<T>(
    network: ExitNetwork,
    endpoint: Endpoint,
    file: TunnelFile | undefined,
    fn: (device: WgDevice, sockets: ContainerSockets) => T,
  ): T | undefined {
    const { tunnels } = this.#parts;
    try {
      const found = tunnels.work(network, endpoint, fn);
      if (found !== undefined || !file) return found;
      // It may have got the file's key right before a daemon died.
      return tunnels.work(network, { ...endpoint, publicKey: this.keyOf(file) }, fn);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  }
}

/** Addresses that the file has beyond those that Docker sets, once it has set them. */
function missing(
  endpoint: Endpoint,
  file: TunnelFile,
  device: WgDevice,
  { rt }: ContainerSockets,
): readonly Prefix[] {
  const further = furtherAddresses(endpoint, file);
  if (further.length === 0 || !rt.link(device.name)?.up) return [];
  const present = rt.addresses().filter(({ index }) => index === device.index);
  return further.filter(prefix => !present.some(one => samePrefix(one.prefix, prefix)));
}

/** The same text for the same places of all peers. */
export function endpointsOf(endpoints: ExitTunnel['endpoints']): string {
  return JSON.stringify(
    [...endpoints].map(([key, { address, port }]) => [key, address.bytes.toString('hex'), port]),
  );
}
