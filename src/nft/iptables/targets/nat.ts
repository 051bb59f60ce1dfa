// Targets that change addresses and ports: DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP. Not here: labels that do so
// without a rule (labels/planner/plan.ts).

import { type Family, formatAddress } from '../../../base/ip.js';
import type { Expression, NatArguments } from '../../expression.js';
import {
  type Extension,
  type FamilyContext,
  needProtocol,
  type OptionSpec,
  type Options,
  statements,
} from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { addressOrRange, readAddressRange, readNetwork } from '../values/addresses.js';
import { SERVICES } from '../values/names.js';
import { parseNumber, UINT16_MAX, valueOrRange } from '../values/numbers.js';

/** Those whose ports NAT can change. */
const NAT_PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 33: 'dccp', 132: 'sctp' };

const RANDOM: OptionSpec = { names: ['random'] };
const RANDOM_FULLY: OptionSpec = { names: ['random-fully'] };
const PERSISTENT: OptionSpec = { names: ['persistent'] };

function readFlags(options: Options): Pick<NatArguments, 'flags'> {
  const flags = [
    ...(options.has('random') ? ['random'] : []),
    ...(options.has('random-fully') ? ['fully-random'] : []),
    ...(options.has('persistent') ? ['persistent'] : []),
  ];
  return flags.length > 0 ? { flags } : {};
}

const nftFamily = (family: Family): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6');

/**
 * `PORT[-PORT]`, or the name of a service; needs a protocol with ports.
 * @param min the lowest port
 * @throws RuleError
 */
function readPorts(token: Token, text: string, { protocolBefore }: FamilyContext, min = 1): Expression {
  const service = SERVICES.any!.get(text);
  if (service !== undefined) {
    needProtocol(protocolBefore, NAT_PROTOCOLS, token);
    return service;
  }
  const [from = '', to = from, more] = text.split('-');
  const first = parseNumber(from);
  const last = parseNumber(to);
  const right = (port: number | undefined): port is number =>
    port !== undefined && port >= min && port <= UINT16_MAX;
  if (!right(first) || !right(last) || more !== undefined) {
    refuse(token, `has a port that is no number from ${min} to 65535, nor two of them with "-" between`);
  }
  if (first > last) refuse(token, 'has a range of ports whose end comes before its beginning');
  needProtocol(protocolBefore, NAT_PROTOCOLS, token);
  return valueOrRange([first, last]);
}

/** `[ADDRESS[-ADDRESS]][:PORT[-PORT]]`, IPv6 in brackets where a port follows. @throws RuleError */
function readDestination(token: Token, context: FamilyContext): NatArguments {
  const family = context.askFamily();
  const { text } = token;
  if (text === '') refuse(token, 'is neither an address nor a port');
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/s.exec(text);
  const portsOnly = /^:([\w-]*)$/.exec(text);
  const plain = family === 4 ? /^([^:]*)(?::(.*))?$/s.exec(text) : [text, text];
  const [, address = '', ports] = portsOnly
    ? [text, '', portsOnly[1]]
    : ((family === 6 ? bracketed : null) ?? plain ?? []);
  if (ports?.includes('/')) refuse(token, 'cannot be expressed: nftables shifts no range of ports');
  if (address === '' && ports === undefined)
    refuse(token, `is no IPv${family} address with or without a port`);
  return {
    ...(address !== '' && {
      family: nftFamily(family),
      addr: addressOrRange(readAddressRange(token, family, address)),
    }),
    ...(ports !== undefined && { port: readPorts(token, ports, context) }),
  };
}

const dnat: Extension = {
  name: 'DNAT',
  options: [
    { names: ['to-destination'], values: ['[address[-address]][:port[-port]]'], required: true },
    RANDOM,
    PERSISTENT,
  ],
  constraint: { tables: ['nat'], hooks: ['prerouting', 'output'] },
  notes: ['A shifted range of ports (`:80-90/8080`) is refused: nftables has nothing for it.'],
  translate: (options, context) =>
    statements({
      dnat: { ...readDestination(options.value('to-destination')!, context), ...readFlags(options) },
    }),
};

const snat: Extension = {
  name: 'SNAT',
  options: [
    { names: ['to-source'], values: ['[address[-address]][:port[-port]]'], required: true },
    RANDOM,
    RANDOM_FULLY,
    PERSISTENT,
  ],
  constraint: { tables: ['nat'], hooks: ['postrouting'] },
  translate: (options, context) =>
    statements({ snat: { ...readDestination(options.value('to-source')!, context), ...readFlags(options) } }),
};

/** A statement's arguments, or null where it has none. */
function portsAndFlags(options: Options, context: FamilyContext, min: number): NatArguments | null {
  const token = options.value('to-ports');
  const port = token && readPorts(token, token.text, context, min);
  const given = { ...(port !== undefined && { port }), ...readFlags(options) };
  return Object.keys(given).length > 0 ? given : null;
}

const masquerade: Extension = {
  name: 'MASQUERADE',
  options: [{ names: ['to-ports'], values: ['port[-port]'] }, RANDOM, RANDOM_FULLY],
  constraint: { tables: ['nat'], hooks: ['postrouting'] },
  translate: (options, context) => statements({ masquerade: portsAndFlags(options, context, 1) }),
};

const redirect: Extension = {
  name: 'REDIRECT',
  options: [{ names: ['to-ports'], values: ['port[-port]'] }, RANDOM],
  constraint: { tables: ['nat'], hooks: ['prerouting', 'output'] },
  translate: (options, context) => statements({ redirect: portsAndFlags(options, context, 0) }),
};

const netmap: Extension = {
  name: 'NETMAP',
  options: [{ names: ['to'], values: ['address[/length]'], required: true }],
  constraint: { tables: ['nat'] },
  notes: ['The mask is a length of a prefix; `/0` is refused.'],
  translate(options, { askFamily, chain }) {
    const family = askFamily();
    const token = options.value('to')!;
    const { address, mask } = readNetwork(token, family);
    const bits = [...mask].map(byte => byte.toString(2).padStart(8, '0')).join('');
    if (!/^1+0*$/.test(bits))
      refuse(token, 'cannot be expressed: its mask is no length of a prefix from 1 on');
    const addr = formatAddress(address);
    const len = bits.lastIndexOf('1') + 1;
    const nat: NatArguments = {
      family: nftFamily(family),
      ...(len === bits.length
        ? { addr }
        : { addr: { prefix: { addr, len } }, flags: ['netmap'], type_flags: ['prefix'] }),
    };
    return statements(chain === 'TWINE_NAT_POSTROUTING' ? { snat: nat } : { dnat: nat });
  },
};

export const NAT_TARGETS: readonly Extension[] = [dnat, snat, masquerade, redirect, netmap];
