// What no line of a tunnel's file shows by itself: what is missing, and what two sections say of the same. Not here: single
// lines (read-tunnel-file.ts).

import { formatPrefix } from '../../base/ip.js';
import { publicKey } from '../../netlink/wireguard/key.js';
import { IPV6_MIN_MTU } from '../spec/option-table.js';
import type { InterfaceDraft, PeerDraft } from './file-keys.js';
import { MAX_REMARKS, type Remark } from './tunnel-file.js';

/** The mistakes of a file whose lines have none. */
export function mistakesOfWhole(own: InterfaceDraft, peers: readonly PeerDraft[]): Remark[] {
  if (own.line === 0) {
    const sentence = 'the file has no [Interface]: give a file of wg-quick(8), as the provider hands it out';
    return [{ line: 1, sentence }];
  }
  return [...mistakesOfInterface(own), ...mistakesOfPeers(own, peers)];
}

function* mistakesOfInterface({
  line,
  privateKey,
  addresses,
  mtu,
  given,
}: InterfaceDraft): Generator<Remark> {
  if (!privateKey)
    yield { line, sentence: 'PrivateKey is missing: put the one of this end under [Interface]' };
  if (addresses.size === 0)
    yield { line, sentence: 'Address is missing: put what the provider gave you under [Interface]' };
  const hasIPv6 = [...addresses.values()].some(({ address }) => address.family === 6);
  if (mtu !== undefined && mtu < IPV6_MIN_MTU && hasIPv6)
    yield {
      line: given.get('mtu')!.line,
      sentence: `MTU=${mtu} is too small for the IPv6 address: give at least ${IPV6_MIN_MTU}, or take that Address out`,
    };
}

function* mistakesOfPeers(
  { line, privateKey, listenPort }: InterfaceDraft,
  peers: readonly PeerDraft[],
): Generator<Remark> {
  if (peers.length === 0) {
    yield { line, sentence: 'the file has no [Peer]: add the section of the other end' };
    return;
  }
  const own = privateKey && `${publicKey(privateKey)}`;
  const lines = new Map<string, number>();
  for (const { line, publicKey: key, endpoint } of peers) {
    if (!key) {
      yield { line, sentence: 'PublicKey is missing: put the one of the other end under this [Peer]' };
      continue;
    }
    const text = `${key}`;
    const before = lines.get(text);
    if (before !== undefined)
      yield {
        line,
        sentence: `this [Peer] has the PublicKey of the one in line ${before}: make one section of both`,
      };
    if (text === own)
      yield {
        line,
        sentence: 'this [Peer] has the PublicKey of this end itself: put the one of the other end there',
      };
    if (!endpoint && listenPort === undefined)
      yield { line, sentence: 'Endpoint is missing: put where the other end listens under this [Peer]' };
    lines.set(text, line);
  }
  if (peers.every(({ allowedIPs }) => allowedIPs.size === 0))
    yield {
      line: peers[0]!.line,
      sentence: 'no [Peer] has AllowedIPs, so nothing could go out: put "AllowedIPs = 0.0.0.0/0, ::/0" there',
    };
}

/** Leaves each allowed IP to the last peer that lists it, as the kernel does. @returns what others lose */
export function settleAllowedIPs(peers: readonly PeerDraft[]): Remark[] {
  const holders = new Map<string, PeerDraft>();
  const lost: Remark[] = [];
  for (const peer of peers) {
    for (const [key, prefix] of peer.allowedIPs) {
      const before = holders.get(key);
      holders.set(key, peer);
      if (!before) continue;
      before.allowedIPs.delete(key);
      if (lost.length > MAX_REMARKS) continue;
      lost.push({
        line: before.line,
        sentence: `this [Peer] does not get ${formatPrefix(prefix)}: the one in line ${peer.line} has it in AllowedIPs too, and the last one counts`,
      });
    }
  }
  return lost;
}
