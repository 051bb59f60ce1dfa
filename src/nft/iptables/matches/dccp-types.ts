// The types of packets of DCCP that `--dccp-types` asks for. Not here: the match dccp itself (transport.ts).

import { match, payload, type Statement } from '../../expression.js';
import type { ParsedOption } from '../syntax/extension.js';
import { refuse } from '../syntax/tokens.js';
import { split, valueOrRange } from '../values/numbers.js';

/** In the order of their numbers. */
const DCCP_TYPES = [
  ...['REQUEST', 'RESPONSE', 'DATA', 'ACK', 'DATAACK', 'CLOSEREQ', 'CLOSE', 'RESET', 'SYNC', 'SYNCACK'],
  'INVALID',
];
const DCCP_TYPE_MAX = 15;

/** A list of types, negated or not. @throws RuleError */
export function matchDccpTypes({ values, negated }: ParsedOption): Statement {
  const numbers = split(values[0]!, ',').map(each => {
    const number = DCCP_TYPES.indexOf(each.text.toUpperCase());
    if (number < 0) refuse(each, `is no type of DCCP: give some of ${DCCP_TYPES.join(', ')}`);
    return number;
  });
  // Every number beyond those that have a name is invalid.
  const types = [...new Set(numbers)].map(number =>
    valueOrRange([number, number === DCCP_TYPES.length - 1 ? DCCP_TYPE_MAX : number]),
  );
  return match(
    payload('dccp', 'type'),
    negated ? '!=' : '==',
    types.length === 1 ? types[0]! : { set: types },
  );
}
