// Endpoints and their peers as the daemon tells of them. Not here: networks (status.ts, exit-status.ts), the answers' types
// (control/answers.ts).

import type { EndpointStatus, PeerStatus } from '../control/answers.js';
import type { Sample } from '../control/exposition.js';
import { formatSocketAddress, type WgPeer } from '../netlink/wireguard/device.js';
import type { Endpoint } from './spec/model.js';
import { addressesOf } from './tunnel/compare-tunnel.js';
import type { TunnelReading } from './tunnel/tunnel-readings.js';

/** An endpoint, with the container that has it where that is known. */
export interface NamedEndpoint {
  readonly endpoint: Endpoint;
  readonly container?: { readonly id: string; readonly name: string } | undefined;
  /** Of its ports, on an exit network. */
  readonly problem?: string | undefined;
}

/** @param reading absent: not read, or of a network whose containers have no peer each */
export function endpointStatus(
  { endpoint, container, problem: ofPorts }: NamedEndpoint,
  reading?: TunnelReading,
): EndpointStatus {
  const { id, state, publicKey } = endpoint;
  const { ifname, peer, problem = ofPorts } = reading ?? {};
  const isJoined = state === 'joined';
  return {
    id,
    ...(container && { container: container.name }),
    addresses: addressesOf(endpoint),
    state,
    ...(publicKey && { publicKey: `${publicKey}` }),
    ...(isJoined && ifname !== undefined && peer && { peer: peerStatus(ifname, peer) }),
    ...(isJoined && problem !== undefined && { problem }),
  };
}

/** @param ifname the interface that has the peer */
export function peerStatus(ifname: string, peer: WgPeer): PeerStatus {
  return {
    interface: ifname,
    publicKey: `${peer.publicKey}`,
    ...(peer.endpoint && { endpoint: formatSocketAddress(peer.endpoint) }),
    ...(peer.lastHandshake > 0 && { lastHandshake: new Date(peer.lastHandshake).toISOString() }),
    receivedBytes: Number(peer.rxBytes),
    sentBytes: Number(peer.txBytes),
  };
}

/** @param whose the network, the container and the interface, by name */
export function peerSamples(whose: readonly [string, string, string], peer: WgPeer): Sample[] {
  const labels = [...whose, `${peer.publicKey}`];
  return [
    { name: 'wireguard_peer_receive_bytes_total', labels, value: Number(peer.rxBytes) },
    { name: 'wireguard_peer_transmit_bytes_total', labels, value: Number(peer.txBytes) },
    { name: 'wireguard_peer_last_handshake_seconds', labels, value: peer.lastHandshake / 1000 },
  ];
}
