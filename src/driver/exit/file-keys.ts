// The keys of wg-quick(8) and wg(8): of which section each is, whether it may stand again, and where its value goes. Not
// here: lines and sections (read-tunnel-file.ts), values (file-values.ts).

import { UserError } from '../../base/errors.js';
import { type Address, addressKey, type Prefix, prefixCovers } from '../../base/ip.js';
import { LINK_LOCAL, whyUnusable } from '../../base/special-addresses.js';
import type { Key, SecretKey } from '../../netlink/wireguard/key.js';
import type { HostPort } from '../spec/host-port.js';
import { IPV4_MIN_MTU, MAX_KEEPALIVE, MAX_MTU } from '../spec/option-table.js';
import { withoutBlanks } from './file-lines.js';
import {
  numberOrOff,
  readAddressBits,
  readAllowedIP,
  readDns,
  readFileEndpoint,
  readFilePresharedKey,
  readFilePrivateKey,
  readFilePublicKey,
  readFwMark,
  readTable,
  wholeNumber,
  withValue,
  wrongValue,
} from './file-values.js';
import { NOT_SAVED, NOT_SEARCHED, OTHER_DNS, OWN_ROUTES } from './passed-over.js';
import { MAX_LISTED } from './tunnel-file.js';

/** What a section has said so far. */
interface SectionDraft {
  /** Of its title; of the first where there are more; 0 where there is none. */
  line: number;
  /** What stood for keys that may stand once, with its line; by the key in small letters. */
  readonly given: Map<string, { readonly line: number; readonly value: string }>;
}

export interface InterfaceDraft extends SectionDraft {
  privateKey?: SecretKey;
  readonly addresses: Map<string, Prefix>;
  readonly dns: Map<string, Address>;
  readonly searchDomains: Map<string, string>;
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
  /** @returns what cannot be honoured of it, a sentence each; @throws UserError */
  read(draft: D, value: string): readonly string[];
}

const OF_INTERFACE: readonly FileKey<InterfaceDraft>[] = [
  {
    name: 'PrivateKey',
    read: (draft, value) => {
      draft.privateKey = readFilePrivateKey(withoutBlanks(value));
      return [];
    },
  },
  {
    name: 'Address',
    addsUp: true,
    read: ({ addresses }, value) => {
      return words(value, 'Address').flatMap(part => {
        const address = readAddressBits(
          'Address',
          part,
          'addresses such as 10.64.0.2/32, separated by commas',
        );
        if (prefixCovers(LINK_LOCAL, address))
          return [`Address=${part} is passed over: packets of a link-local address leave no network`];
        const why = whyUnusable(address.address);
        if (why !== undefined)
          throw wrongValue('Address', part, `what the provider gave you: this is ${why}`);
        add(addresses, prefixKey(address), address, 'Address');
        return [];
      });
    },
  },
  {
    name: 'DNS',
    addsUp: true,
    read: ({ dns, searchDomains }, value) => {
      return words(value, 'DNS').flatMap(part => {
        const found = readDns(part);
        if ('domain' in found) {
          add(searchDomains, found.domain, found.domain, 'DNS');
          return [`${withValue('DNS', part)} ${NOT_SEARCHED}`];
        }
        const why = whyUnusable(found.server);
        if (why !== undefined)
          return [`DNS=${part} is passed over: it is ${why}, to which no tunnel leads; ${OTHER_DNS}`];
        add(dns, addressKey(found.server), found.server, 'DNS');
        return [];
      });
    },
  },
  {
    name: 'MTU',
    read: (draft, value) => {
      if (value !== '') draft.mtu = wholeNumber('MTU', value, IPV4_MIN_MTU, MAX_MTU);
      return [];
    },
  },
  {
    name: 'Table',
    read: (draft, value) => {
      draft.table = readTable(value);
      return draft.table === 'auto' ? [] : [`Table=${draft.table} ${OWN_ROUTES}`];
    },
  },
  {
    name: 'FwMark',
    read: (draft, value) => {
      draft.fwmark = readFwMark(withoutBlanks(value));
      return [];
    },
  },
  {
    name: 'ListenPort',
    read: (draft, value) => {
      draft.listenPort = wholeNumber('ListenPort', withoutBlanks(value), 0, 65535);
      return [];
    },
  },
  {
    name: 'SaveConfig',
    read: (_draft, value) => {
      const word = value.toLowerCase();
      if (word !== 'true' && word !== 'false') throw wrongValue('SaveConfig', value, 'true or false');
      return word === 'true' ? [`SaveConfig ${NOT_SAVED}`] : [];
    },
  },
];

const OF_PEER: readonly FileKey<PeerDraft>[] = [
  {
    name: 'PublicKey',
    read: (draft, value) => {
      draft.publicKey = readFilePublicKey(withoutBlanks(value));
      return [];
    },
  },
  {
    name: 'PresharedKey',
    read: (draft, value) => {
      const key = readFilePresharedKey(withoutBlanks(value));
      if (key) draft.presharedKey = key;
      return [];
    },
  },
  {
    name: 'AllowedIPs',
    addsUp: true,
    read: ({ allowedIPs }, value) => {
      const text = withoutBlanks(value);
      if (text === '') return [];
      for (const part of text.split(',')) {
        // wg's signs: one more beside those that are there, one that is to go.
        const prefix = readAllowedIP(part.replace(/^[+-]/, ''));
        const key = prefixKey(prefix);
        if (part.startsWith('-')) allowedIPs.delete(key);
        else allowedIPs.set(key, prefix);
      }
      return [];
    },
  },
  {
    name: 'Endpoint',
    read: (draft, value) => {
      draft.endpoint = readFileEndpoint(withoutBlanks(value));
      return [];
    },
  },
  {
    name: 'PersistentKeepalive',
    read: (draft, value) => {
      draft.keepalive = numberOrOff('PersistentKeepalive', withoutBlanks(value), MAX_KEEPALIVE);
      return [];
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
function words(value: string, name: string): string[] {
  const found = value.split(/[\t-\r ,]+/).filter(word => word !== '');
  if (found.length > MAX_LISTED) throw tooMany(name);
  return found;
}

/** The same for the same network. */
function prefixKey({ address, length }: Prefix): string {
  return `${addressKey(address)}/${length}`;
}

function add<T>(to: Map<string, T>, key: string, value: T, name: string): void {
  if (!to.has(key) && to.size >= MAX_LISTED) throw tooMany(name);
  to.set(key, value);
}

function tooMany(name: string): UserError {
  return new UserError(`${name} lists more than ${MAX_LISTED}: leave those out that are not needed`);
}
