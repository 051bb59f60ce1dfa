// The target that hands a packet to a socket of this namespace whatever its destination is: TPROXY. Not here: what asks
// for such a socket (nft/iptables/matches/circumstances.ts), routes by marks.

import { meta, type Statement } from '../../expression.js';
import { type Extension, needProtocol } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { readAddressRange } from '../values/addresses.js';
import { readMasked, readNumber, UINT16_MAX, UINT32_MAX } from '../values/numbers.js';
import { changed } from './mangle.js';

const tproxy: Extension = {
  name: 'TPROXY',
  options: [
    { names: ['on-port'], values: ['port'], required: true },
    { names: ['on-ip'], values: ['address'] },
    { names: ['tproxy-mark'], values: ['value[/mask]'] },
  ],
  constraint: { tables: ['mangle'], hooks: ['prerouting'] },
  notes: [
    'The policy rule and the route that lead packets of its mark to `lo` are not made by a label.',
    'It becomes two rules, so it cannot stand beside a match that counts packets.',
  ],
  translate(options, context) {
    needProtocol(context.protocol, { 6: 'tcp', 17: 'udp' }, context.token);
    const family = context.askFamily();
    const port = readNumber(options.value('on-port')!, 0, UINT16_MAX);
    const address = options.value('on-ip');
    const mark = options.value('tproxy-mark');
    const statement: Statement = {
      tproxy: {
        family: family === 4 ? 'ip' : 'ip6',
        ...(address && { addr: readOne(address, family) }),
        // The port of the packet itself is none to libnftables where it has an address.
        ...((port > 0 || !address) && { port }),
      },
    };
    const marked = mark
      ? [{ mangle: { key: meta('mark'), value: changed(meta('mark'), readMasked(mark, UINT32_MAX)) } }]
      : [];
    // A packet that no socket is there for goes on to the next rule with nftables; with iptables it is dropped.
    return { alternatives: [[statement, ...marked, { accept: null }], [{ drop: null }]] };
  },
};

function readOne(token: Token, family: 4 | 6): string {
  const [first, last] = readAddressRange(token, family);
  if (last !== undefined || token.text.includes('-')) refuse(token, 'is no single address');
  return first;
}

export const PROXY_TARGETS: readonly Extension[] = [tproxy];
