// The keys of wg-quick(8) and wg(8): of which section each is, whether it may stand again, and where its value goes. Not
// here: lines and sections (read-tunnel-file.ts), values (file-values.ts).

import { UserError } from '../../base/errors.js';
import { type Address, addressKey, formatPrefix, type Prefix } from '../../base/ip.js';
import { whyUnusable } from '../../base/special-addresses.js';
import type { Key, SecretKey } from '../../netlink/wireguard/key.js';
import type { HostPort } from '../spec/host-port.js';
import { IPV4_MIN_MTU, MAX_KEEPALIVE, MAX_MTU } from '../spec/option-table.js';
import { withoutBlanks } from './file-lines.js';
import {
  numberOrOff,
  readAllowedIP,
  readDns,
  readEndpoint,
  readFwMark,
  readPrefix,
  readPresharedKey,
  readPrivateKey,
  readPublicKey,
  readTable,
  wholeNumber,
  wrong,
} from './file-values.js';
import { NOT_SAVED } from './passed-over.js';
import { MAX_LISTED } from './tunnel-file.js';

/** What a section has said so far. */
export interface SectionDraft {
  /** Of its title; of the first where there are more. */
  line: number;
  /** What stood for keys that may stand once, with its line; by the key in small letters. */
  readonly given: Map<string, { readonly line: number; readonly value: string }>;
}

export interface InterfaceDraft extends SectionDraft {
  privateKey?: SecretKey;
  readonly addresses: Map<string, Prefix>;
  readonly dns: Map<string, Address>;
  readonly searchDomains: Set<string>;
  mtu?: number;
  table: 'auto' | 'off' | number;
  fwmark?: number;
  listenPort?: number;
}

export interface PeerDraft extends SectionDraft {
  publicKey?: Key;
  presharedKey?: SecretKey;
  readonly allowedIPs: Map<string, Prefix>;
  endpoint?: HostPort;
  keepalive: number;
}

interface FileKey<D> {
  readonly name: string;
  /** What each line says is added; else it may stand once. */
  readonly addsUp?: true;
  /** @returns what cannot be honoured of it; @throws UserError */
  read(draft: D, value: string): string | undefined;
}

const OF_INTERFACE: readonly FileKey<InterfaceDraft>[] = [
  {
    name: 'PrivateKey',
    read: (draft, value) => {
      draft.privateKey = readPrivateKey(withoutBlanks(value));
      return undefined;
    },
  },
  {
    name: 'Address',
    addsUp: true,
    read: ({ addresses }, value) => {
      for (const part of words(value)) {
        const address = readPrefix('Address', part, 'addresses such as 10.64.0.2/32, separated by commas');
        const why = whyUnusable(address.address);
        if (why !== undefined) throw wrong('Address', part, `what the provider gave you: this is ${why}`);
        add(addresses, formatPrefix(address), address, 'Address');
      }
      return undefined;
    },
  },
  {
    name: 'DNS',
    addsUp: true,
    read: ({ dns, searchDomains }, value) => {
      for (const part of words(value)) {
        const found = readDns(part);
        if ('server' in found) add(dns, addressKey(found.server), found.server, 'DNS');
        else if (searchDomains.size < MAX_LISTED) searchDomains.add(found.domain);
        else throw tooMany('DNS');
      }
      return undefined;
    },
  },
  {
    name: 'MTU',
    read: (draft, value) => {
      if (value !== '') draft.mtu = wholeNumber('MTU', value, IPV4_MIN_MTU, MAX_MTU);
      return undefined;
    },
  },
  {
    name: 'Table',
    read: (draft, value) => {
      draft.table = readTable(value);
      return undefined;
    },
  },
  {
    name: 'FwMark',
    read: (draft, value) => {
      draft.fwmark = readFwMark(withoutBlanks(value));
      return undefined;
    },
  },
  {
    name: 'ListenPort',
    read: (draft, value) => {
      draft.listenPort = wholeNumber('ListenPort', withoutBlanks(value), 0, 65535);
      return undefined;
    },
  },
  {
    name: 'SaveConfig',
    read: (_draft, value) => {
      const word = value.toLowerCase();
      if (word !== 'true' && word !== 'false') throw wrong('SaveConfig', value, 'true or false');
      return word === 'true' ? `SaveConfig ${NOT_SAVED}` : undefined;
    },
  },
];

const OF_PEER: readonly FileKey<PeerDraft>[] = [
  {
    name: 'PublicKey',
    read: (draft, value) => {
      draft.publicKey = readPublicKey(withoutBlanks(value));
      return undefined;
    },
  },
  {
    name: 'PresharedKey',
    read: (draft, value) => {
      const key = readPresharedKey(withoutBlanks(value));
      if (key) draft.presharedKey = key;
      return undefined;
    },
  },
  {
    name: 'AllowedIPs',
    addsUp: true,
    read: ({ allowedIPs }, value) => {
      const text = withoutBlanks(value);
      if (text === '') return undefined;
      for (const part of text.split(',')) {
        // wg's signs: one more beside those that are there, one that is to go.
        const prefix = readAllowedIP(part.replace(/^[+-]/, ''));
        const key = formatPrefix(prefix);
        // The last one that lists it has it; so it stands at the place of its last mention.
        allowedIPs.delete(key);
        if (!part.startsWith('-')) allowedIPs.set(key, prefix);
      }
      return undefined;
    },
  },
  {
    name: 'Endpoint',
    read: (draft, value) => {
      draft.endpoint = readEndpoint(withoutBlanks(value));
      return undefined;
    },
  },
  {
    name: 'PersistentKeepalive',
    read: (draft, value) => {
      draft.keepalive = numberOrOff('PersistentKeepalive', withoutBlanks(value), MAX_KEEPALIVE);
      return undefined;
    },
  },
];

/** Keys of [Interface], by name in small letters. */
export const INTERFACE_KEYS = byName(OF_INTERFACE);
/** Keys of [Peer], likewise. */
export const PEER_KEYS = byName(OF_PEER);

function byName<D>(keys: readonly FileKey<D>[]): ReadonlyMap<string, FileKey<D>> {
  return new Map(keys.map(key => [key.name.toLowerCase(), key]));
}

/** wg-quick's lists: between commas, blanks or both. */
function words(value: string): string[] {
  return value.split(/[\s,]+/).filter(word => word !== '');
}

function add<T>(to: Map<string, T>, key: string, value: T, name: string): void {
  if (!to.has(key) && to.size >= MAX_LISTED) throw tooMany(name);
  to.set(key, value);
}

function tooMany(name: string): UserError {
  return new UserError(`${name} lists more than ${MAX_LISTED}: leave those out that are not needed`);
}
