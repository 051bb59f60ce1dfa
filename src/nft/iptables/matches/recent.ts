// The match on lists of addresses that rules fill by themselves, recent. Not here: the sets behind the lists
// (nft/iptables/syntax/address-lists.ts), lists that somebody else fills, which are left out (nft/iptables/left-out.ts).

import { formatAddress } from '../../../base/ip.js';
import type { AddressListUse, Expression } from '../../expression.js';
import { type Extension, type FamilyContext, type Options, statements } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { addressField, never, readNetwork } from '../values/addresses.js';
import { readNumber, UINT16_MAX, UINT32_MAX } from '../values/numbers.js';

/** `XT_RECENT_NAME_LEN` without its end. */
const NAME_MAX = 199;
const ACTIONS = { set: 'set', rcheck: 'check', update: 'update', remove: 'remove' } as const;
const ACTION_NAMES = Object.keys(ACTIONS) as (keyof typeof ACTIONS)[];
/** Of those, the ones that may ask how long ago. */
const ASKING: readonly string[] = ['rcheck', 'update'];

const recent: Extension = {
  name: 'recent',
  options: [
    ...ACTION_NAMES.map(name => ({
      names: [name] as const,
      negatable: true as const,
      excludes: ACTION_NAMES.filter(other => other !== name),
    })),
    { names: ['seconds'], values: ['seconds'] },
    { names: ['reap'] },
    { names: ['hitcount'], values: ['hits'] },
    { names: ['rttl'], refused: 'cannot be expressed: a list of nftables keeps no TTL with an address' },
    { names: ['name'], values: ['name'] },
    { names: ['rsource'], excludes: ['rdest'] },
    { names: ['rdest'], excludes: ['rsource'] },
    { names: ['mask'], values: ['mask'] },
  ],
  notes: [
    'Only `--hitcount 1` is taken: nftables counts no packets of an address within a time. `-m hashlimit --hashlimit-above 4/minute --hashlimit-mode srcip` comes near to what more would be for.',
    '`! --remove`, and `! --update` beside `--seconds`, are refused: what is to be done if there is no match cannot be said.',
    'What changes a list is refused beside options that make several rules of one (`-m multiport --ports`, `-j TPROXY`): the second would find what the first has changed.',
    'A list holds 65535 addresses, of which none makes way for another: while it is full, a rule that would put a new one in fits no packet, so what drops is better a rule of its own. xt_recent keeps 100, and forgets the oldest.',
    'Rules of all containers that share a network namespace share their lists. Whatever changes the table, a label or an address that it leads to, empties them.',
    '`--reap` is read and has no effect: what is older than any rule asks for goes by itself.',
    'A name has letters, digits, `_`, `.` and `-`.',
  ],
  translate(options, context) {
    const [option, { token, negated }] = options.oneOf(context, ...ACTION_NAMES);
    const action = ACTIONS[option as keyof typeof ACTIONS];
    const seconds = readSeconds(options, option);
    refuseHits(options.value('hitcount'));
    if (negated && (action === 'remove' || (action === 'update' && seconds > 0))) {
      refuse(token, 'cannot be expressed with "!" before it: it would change the list where it does not fit');
    }
    const use: AddressListUse = {
      name: readName(options.value('name')),
      family: context.askFamily(),
      // Without a time, what is not in the list is not put in either.
      action: negated && action === 'update' ? 'check' : action,
      address: readAddress(options, context),
      seconds,
      negated: negated && action !== 'set',
    };
    const translation = statements({ addressList: use }, ...(negated && action === 'set' ? [never()] : []));
    // What one copy of the rule has changed the next would find changed.
    return use.action === 'check' ? translation : { ...translation, stateful: true };
  },
};

/** 0 where no time is said. @throws RuleError */
function readSeconds(options: Options, action: string): number {
  for (const name of ['seconds', 'reap', 'hitcount']) {
    const given = options.get(name);
    if (given && !ASKING.includes(action)) refuse(given.token, `cannot stand beside --${action}`);
  }
  const reap = options.get('reap');
  const token = options.value('seconds');
  if (reap && !token) refuse(reap.token, 'needs --seconds beside it');
  return token ? readNumber(token, 1, UINT32_MAX) : 0;
}

/** @throws RuleError for more than one packet */
function refuseHits(token: Token | undefined): void {
  if (token && readNumber(token, 0, UINT16_MAX) > 1) {
    refuse(
      token,
      'cannot be expressed: nftables counts no packets of an address within a time; -m hashlimit --hashlimit-above 4/minute --hashlimit-mode srcip --hashlimit-name NAME comes near',
    );
  }
}

/** @throws RuleError */
function readName(token: Token | undefined): string {
  if (!token) return 'DEFAULT';
  if (token.text.length > NAME_MAX)
    refuse(token, `is longer than the ${NAME_MAX} bytes that a list's name has`);
  if (!/^[\w.-]+$/.test(token.text) || /^\.{1,2}$/.test(token.text)) {
    refuse(token, 'is no name of a list: give letters, digits, "_", "." and "-"');
  }
  return token.text;
}

/** The address that is put in or asked for, without the bits that the mask leaves out. @throws RuleError */
function readAddress(options: Options, context: FamilyContext): Expression {
  const family = context.askFamily();
  const field = addressField(family, options.has('rdest') ? 'daddr' : 'saddr');
  const token = options.value('mask');
  if (!token) return field;
  if (token.text.includes('/') || (family === 4 && token.text.split('.').length < 4))
    refuse(token, `is no mask of IPv${family} such as ${family === 4 ? '255.255.255.0' : 'ffff:ffff::'}`);
  const { address } = readNetwork(token, family);
  if (address.bytes.every(byte => byte === 0xff)) return field;
  if (address.bytes.every(byte => byte === 0))
    refuse(token, 'cannot be expressed: it leaves no bit of an address');
  return { '&': [field, formatAddress(address)] };
}

export const RECENT_MATCHES: readonly Extension[] = [recent];
