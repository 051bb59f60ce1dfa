// The text of a file of wg-quick(8) or wg(8) to a TunnelFile, or to a list of mistakes with their lines: everything that those
// programs take is taken as they take it. Not here: single values (file-values.ts), which keys there are (file-keys.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix } from '../../base/ip.js';
import { nearest } from '../../base/suggest.js';
import { publicKey } from '../../netlink/wireguard/key.js';
import { IPV6_MIN_MTU } from '../spec/option-table.js';
import { INTERFACE_KEYS, type InterfaceDraft, PEER_KEYS, type PeerDraft } from './file-keys.js';
import { type FileLine, fileLines } from './file-lines.js';
import { PASSED_OVER } from './passed-over.js';
import {
  type FileMistakes,
  type FilePeer,
  MAX_ALLOWED_IPS,
  MAX_FILE_BYTES,
  MAX_PEERS,
  MAX_REMARKS,
  type Remark,
  type TunnelFile,
} from './tunnel-file.js';

/** @param text of the file, in UTF-8 before it was decoded */
export function readTunnelFile(text: string): TunnelFile | FileMistakes {
  const whole = whyNoText(text);
  if (whole) return { mistakes: [whole] };
  return new FileReader().read(text);
}

/** What is wrong with the text as such. */
function whyNoText(text: string): Remark | undefined {
  if (text.length > MAX_FILE_BYTES || Buffer.byteLength(text) > MAX_FILE_BYTES)
    return {
      line: 1,
      sentence: `the file is larger than ${MAX_FILE_BYTES / 1024} KiB: give one of wg-quick(8)`,
    };
  const nul = text.indexOf('\0');
  if (nul < 0) return undefined;
  const line = text.slice(0, nul).split('\n').length;
  return { line, sentence: 'the line has a NUL: save the file as plain text in UTF-8' };
}

/** One file's: what it has said so far. */
class FileReader {
  readonly #interface: InterfaceDraft = {
    line: 0,
    given: new Map(),
    addresses: new Map(),
    dns: new Map(),
    searchDomains: new Set(),
    table: 'auto',
  };
  readonly #peers: PeerDraft[] = [];
  readonly #mistakes: Remark[] = [];
  readonly #passedOver: Remark[] = [];
  #section: 'none' | 'interface' | 'peer' | 'unknown' = 'none';

  read(text: string): TunnelFile | FileMistakes {
    for (const line of fileLines(text)) {
      this.#refusing(line.number, () => this.#readLine(line));
      if (this.#mistakes.length > MAX_REMARKS) break;
    }
    if (this.#mistakes.length === 0) this.#checkWhole();
    const peers = this.#peers.flatMap(peer => finished(peer) ?? []);
    const { privateKey } = this.#interface;
    if (this.#mistakes.length > 0 || !privateKey) return { mistakes: bounded(this.#mistakes) };
    const { addresses, dns, searchDomains, mtu, table, fwmark, listenPort } = this.#interface;
    return {
      privateKey,
      addresses: [...addresses.values()],
      dns: [...dns.values()],
      searchDomains: [...searchDomains],
      ...(mtu !== undefined && { mtu }),
      table,
      ...(fwmark !== undefined && { fwmark }),
      ...(listenPort !== undefined && { listenPort }),
      peers,
      passedOver: bounded(this.#passedOver),
    };
  }

  #refusing(line: number, work: () => void): void {
    try {
      work();
    } catch (err) {
      if (!(err instanceof UserError)) throw err;
      this.#mistakes.push({ line, sentence: err.message });
    }
  }

  #readLine(line: FileLine): void {
    if ('section' in line) this.#begin(line.number, line.section);
    else if (line.key === undefined)
      throw new UserError('the line is neither a section nor KEY = VALUE: put a # before what is a comment');
    else this.#readKey(line.number, line.key, line.value);
  }

  #begin(line: number, title: string): void {
    const name = title.toLowerCase();
    if (name === '[interface]') {
      this.#section = 'interface';
      this.#interface.line ||= line;
    } else if (name === '[peer]') {
      if (this.#peers.length >= MAX_PEERS)
        throw new UserError(`the file has more than ${MAX_PEERS} sections [Peer]: leave some out`);
      this.#section = 'peer';
      this.#peers.push({ line, given: new Map(), allowedIPs: new Map(), keepalive: 0 });
    } else {
      this.#section = 'unknown';
      throw new UserError('the section is unknown: the sections are [Interface] and [Peer]');
    }
  }

  #readKey(line: number, written: string, value: string): void {
    const key = written.toLowerCase();
    const passed = PASSED_OVER.get(key);
    // What is in an unknown section was told with its title.
    if (this.#section === 'unknown') return;
    if (passed !== undefined) {
      this.#passOver(line, passed);
      return;
    }
    const known = INTERFACE_KEYS.get(key) ?? PEER_KEYS.get(key);
    if (!known) throw unknownKey(key);
    const home = INTERFACE_KEYS.has(key) ? '[Interface]' : '[Peer]';
    const isHome = home === (this.#section === 'interface' ? '[Interface]' : '[Peer]');
    if (this.#section === 'none')
      throw new UserError(`${known.name} stands before any section: put ${home} above it`);
    if (!isHome) throw new UserError(`${known.name} stands in the wrong section: it belongs under ${home}`);
    const draft = this.#section === 'interface' ? this.#interface : this.#peers.at(-1)!;
    if (!known.addsUp) {
      const before = draft.given.get(key);
      if (before && before.value !== value)
        throw new UserError(
          `${known.name} stands in line ${before.line} already, with another value: leave one of them`,
        );
      draft.given.set(key, { line, value });
    }
    const remark =
      this.#section === 'interface'
        ? INTERFACE_KEYS.get(key)!.read(this.#interface, value)
        : PEER_KEYS.get(key)!.read(this.#peers.at(-1)!, value);
    if (remark !== undefined) this.#passOver(line, remark);
    if (key === 'allowedips') this.#takeFromOthers(line);
  }

  #passOver(line: number, sentence: string): void {
    if (this.#passedOver.length <= MAX_REMARKS) this.#passedOver.push({ line, sentence });
  }

  /** An allowed IP is one peer's, as in the kernel: the last one that lists it. */
  #takeFromOthers(line: number): void {
    const last = this.#peers.at(-1)!;
    const others = this.#peers.slice(0, -1);
    for (const [key, prefix] of last.allowedIPs) {
      const before = others.find(({ allowedIPs }) => allowedIPs.delete(key));
      if (before)
        this.#passOver(
          line,
          `AllowedIPs has ${formatPrefix(prefix)}, which the peer of line ${before.line} has too: the last one gets it`,
        );
    }
    const total = this.#peers.reduce((sum, { allowedIPs }) => sum + allowedIPs.size, 0);
    if (total > MAX_ALLOWED_IPS)
      throw new UserError(
        `the file has more than ${MAX_ALLOWED_IPS} AllowedIPs: join those that are neighbours`,
      );
  }

  /** What no line shows by itself. */
  #checkWhole(): void {
    const { line, privateKey, addresses, mtu, given, listenPort } = this.#interface;
    const missing = (at: number, sentence: string): void => {
      this.#mistakes.push({ line: at, sentence });
    };
    if (line === 0) {
      missing(1, 'the file has no [Interface]: give a file of wg-quick(8), as the provider hands it out');
      return;
    }
    if (!privateKey) missing(line, 'PrivateKey is missing: put it under [Interface]');
    if (addresses.size === 0)
      missing(line, 'Address is missing: put the address that the provider gave you under [Interface]');
    const hasIPv6 = [...addresses.values()].some(({ address }) => address.family === 6);
    if (mtu !== undefined && mtu < IPV6_MIN_MTU && hasIPv6)
      missing(
        given.get('mtu')!.line,
        `MTU=${mtu} is too small for the IPv6 address: give at least ${IPV6_MIN_MTU}, or take that Address out`,
      );
    if (this.#peers.length === 0) missing(line, 'the file has no [Peer]: add the section of the other end');
    const own = privateKey && `${publicKey(privateKey)}`;
    const seen = new Map<string, number>();
    for (const { line, publicKey: key, endpoint } of this.#peers) {
      if (!key) {
        missing(line, 'PublicKey is missing: put that of the other end under this [Peer]');
        continue;
      }
      const text = `${key}`;
      const before = seen.get(text);
      if (before !== undefined)
        missing(line, `this [Peer] has the PublicKey of the one in line ${before}: make one section of both`);
      if (text === own)
        missing(line, 'this [Peer] has the PublicKey of this end itself: put that of the other end here');
      seen.set(text, line);
      if (!endpoint && listenPort === undefined)
        missing(line, 'Endpoint is missing: put where the other end listens under this [Peer]');
    }
    if (this.#peers.length > 0 && this.#peers.every(({ allowedIPs }) => allowedIPs.size === 0))
      missing(
        this.#peers[0]!.line,
        'no [Peer] has AllowedIPs, so nothing could go out: put 0.0.0.0/0, ::/0 there',
      );
  }
}

function finished({
  publicKey,
  presharedKey,
  allowedIPs,
  endpoint,
  keepalive,
}: PeerDraft): FilePeer | undefined {
  return (
    publicKey && {
      publicKey,
      ...(presharedKey && { presharedKey }),
      allowedIPs: [...allowedIPs.values()],
      ...(endpoint && { endpoint }),
      keepalive,
    }
  );
}

function unknownKey(key: string): UserError {
  const near = nearest(
    key,
    [...INTERFACE_KEYS.values(), ...PEER_KEYS.values()].map(({ name }) => name),
  );
  // The text is not quoted: it may be what is left of a key that was broken over two lines.
  return new UserError(`the key is unknown: ${near ? `did you mean ${near}?` : 'take the line out'}`);
}

/** Sorted by line. */
function bounded(remarks: readonly Remark[]): Remark[] {
  const kept = remarks.slice(0, MAX_REMARKS).sort((a, b) => a.line - b.line);
  const next = remarks[MAX_REMARKS];
  return next ? [...kept, { line: next.line, sentence: 'there is more of this kind further down' }] : kept;
}
