// The text of a file of wg-quick(8) or wg(8) to a TunnelFile, or to a list of mistakes with their lines: what those programs
// take is taken as they take it. Not here: single values (file-values.ts), which keys there are (file-keys.ts).

import { UserError } from '../../base/errors.js';
import { nearest } from '../../base/suggest.js';
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
import { mistakesOfWhole, settleAllowedIPs } from './whole-file.js';

/** @param text of the file, in UTF-8 before it was decoded */
export function readTunnelFile(text: string): TunnelFile | FileMistakes {
  const mistake = whyNoText(text);
  return mistake ? { mistakes: [mistake] } : new FileReader().read(text);
}

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

const KEY_NAMES = [...INTERFACE_KEYS.values(), ...PEER_KEYS.values()].map(({ name }) => name);

/** One file's: what it has said so far. */
class FileReader {
  readonly #interface: InterfaceDraft = {
    line: 0,
    given: new Map(),
    addresses: new Map(),
    dns: new Map(),
    searchDomains: new Map(),
    table: 'auto',
  };
  readonly #peers: PeerDraft[] = [];
  readonly #mistakes: Remark[] = [];
  readonly #passedOver: Remark[] = [];
  #allowedIPs = 0;
  /** Where the lines are now: a draft, before the first section, or in one that there is not. */
  #section: InterfaceDraft | PeerDraft | 'none' | 'unknown' = 'none';

  read(text: string): TunnelFile | FileMistakes {
    for (const line of fileLines(text)) {
      try {
        this.#readLine(line);
      } catch (err) {
        if (!(err instanceof UserError)) throw err;
        this.#mistakes.push({ line: line.number, sentence: err.message });
      }
      if (this.#mistakes.length > MAX_REMARKS) break;
    }
    if (this.#mistakes.length === 0) this.#mistakes.push(...mistakesOfWhole(this.#interface, this.#peers));
    const { privateKey } = this.#interface;
    if (this.#mistakes.length > 0 || !privateKey) return { mistakes: bounded(this.#mistakes) };
    for (const remark of settleAllowedIPs(this.#peers)) this.#passOver(remark.line, remark.sentence);
    const { addresses, dns, searchDomains, mtu, table, fwmark, listenPort } = this.#interface;
    return {
      privateKey,
      addresses: [...addresses.values()],
      dns: [...dns.values()],
      searchDomains: [...searchDomains.values()],
      ...(mtu !== undefined && { mtu }),
      table,
      ...(fwmark !== undefined && { fwmark }),
      ...(listenPort !== undefined && { listenPort }),
      peers: this.#peers.flatMap(peer => finished(peer) ?? []),
      passedOver: bounded(this.#passedOver),
    };
  }

  #readLine(line: FileLine): void {
    if ('section' in line) this.#begin(line.number, line.section);
    else if (line.key === undefined)
      throw new UserError(`the line is neither a section nor KEY = VALUE: ${COMMENT}`);
    else this.#readKey(line.number, line.key.toLowerCase(), line.value);
  }

  #begin(line: number, title: string): void {
    const name = title.toLowerCase();
    if (name === '[interface]') {
      this.#interface.line ||= line;
      this.#section = this.#interface;
    } else if (name === '[peer]') {
      const peer = { line, given: new Map(), allowedIPs: new Map(), keepalive: 0 };
      this.#section = peer;
      this.#peers.push(peer);
      if (this.#peers.length > MAX_PEERS)
        throw new UserError(`the file has more than ${MAX_PEERS} sections [Peer]: leave some out`);
    } else {
      this.#section = 'unknown';
      throw new UserError('the section is unknown: the sections are [Interface] and [Peer]');
    }
  }

  /** @param key in small letters */
  #readKey(line: number, key: string, value: string): void {
    const section = this.#section;
    // The title of the section was told.
    if (section === 'unknown') return;
    const passed = PASSED_OVER.get(key);
    if (passed !== undefined) {
      this.#passOver(line, passed);
      return;
    }
    const known = INTERFACE_KEYS.get(key) ?? PEER_KEYS.get(key);
    if (!known) throw unknownKey(key);
    const home = INTERFACE_KEYS.has(key) ? '[Interface]' : '[Peer]';
    if (section === 'none')
      throw new UserError(`${known.name} stands before any section: put ${home} above it`);
    const isInterface = 'addresses' in section;
    if (isInterface !== INTERFACE_KEYS.has(key))
      throw new UserError(`${known.name} stands in the wrong section: it belongs under ${home}`);
    if (!known.addsUp) refuseAnother(known.name, section.given.get(key), value);
    section.given.set(key, { line, value });
    if (known.name === 'AllowedIPs') this.#countAllowedIPs(value);
    const remarks = isInterface
      ? INTERFACE_KEYS.get(key)!.read(section, value)
      : PEER_KEYS.get(key)!.read(section, value);
    for (const sentence of remarks) this.#passOver(line, sentence);
  }

  #passOver(line: number, sentence: string): void {
    // One more than is told: it stands for the rest.
    if (this.#passedOver.length <= MAX_REMARKS) this.#passedOver.push({ line, sentence });
  }

  #countAllowedIPs(value: string): void {
    this.#allowedIPs += value.split(',').length;
    if (this.#allowedIPs > MAX_ALLOWED_IPS)
      throw new UserError(
        `the file has more than ${MAX_ALLOWED_IPS} AllowedIPs: give larger networks that hold several of them`,
      );
  }
}

const COMMENT = 'put a # before what is a comment';

/** wg takes the last one: which of them was meant, nobody knows. */
function refuseAnother(
  name: string,
  before: { readonly line: number; readonly value: string } | undefined,
  value: string,
): void {
  if (before && before.value !== value)
    throw new UserError(
      `${name} stands in line ${before.line} of the same section already, with another value: leave one of them`,
    );
}

/** It is not quoted: it may be what is left of a key that was broken over two lines. */
function unknownKey(key: string): UserError {
  if (/^(;|\/\/)/.test(key)) return new UserError(`the key is unknown: ${COMMENT}`);
  const near = nearest(key, KEY_NAMES);
  return new UserError(`the key is unknown: ${near ? `did you mean ${near}?` : 'take the line out'}`);
}

function finished(peer: PeerDraft): FilePeer | undefined {
  const { publicKey, presharedKey, allowedIPs, endpoint, keepalive } = peer;
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

/** The first ones in the order of lines, and where more begin. */
function bounded(remarks: readonly Remark[]): Remark[] {
  const sorted = remarks.toSorted((a, b) => a.line - b.line);
  const [kept, next] = [sorted.slice(0, MAX_REMARKS), sorted[MAX_REMARKS]];
  return next ? [...kept, { line: next.line, sentence: 'there is more of this kind from here on' }] : kept;
}
