// The way of a packet in words. Names that containers chose are shown in printable ASCII. Pure. Not here: the way (walk.ts).

import { formatAddress, formatPrefix, isDefault } from '../../base/ip.js';
import { RTPROT_DWGD, RTPROT_DWGD_TUNNEL, TABLE } from '../../base/ownership.js';
import { plain, quote } from '../../base/plain-text.js';
import type { WayStep } from '../../control/answers.js';
import type { Route } from '../../netlink/route/route.js';
import type { Decider } from './traversal.js';
import type { RouteAnswer, WalkStep } from './walk.js';

const MAX_NAME = 128;
const STRICT = /^strict-/;
const MAIN = 254;

/** `rule blockAll` of a label; any other by its place. */
export function nameDecider(by: Decider): string {
  if ('policyOf' in by)
    return `the policy of ${nameChain(by.policyOf.family, by.policyOf.table, by.policyOf.name)}`;
  const { family, table, chain, number, comment } = by.rule;
  const isOurs = family === TABLE.family && table === TABLE.name;
  if (isOurs && STRICT.test(chain))
    return 'the strict label: the container is closed while a label of it is not in force';
  if (isOurs && comment !== undefined) return `rule ${plain(comment, MAX_NAME)}`;
  const words = comment === undefined ? '' : ` (${quote(comment)})`;
  return `rule ${number} of ${nameChain(family, table, chain)}${words}`;
}

function nameChain(family: string, table: string, chain: string): string {
  return `chain ${family} ${plain(table, MAX_NAME)} ${plain(chain, MAX_NAME)}`;
}

/** @param linkName of an index */
export function stepInWords(step: WalkStep, linkName: (index: number) => string): WayStep {
  if (step.kind === 'route') return { kind: 'route', text: routeInWords(step.answer, step.mark, linkName) };
  const { hook, event } = step;
  if (event.kind === 'too many')
    return { kind: 'limit', text: `${hook}: there are more rules than are followed`, isDoubt: true };
  if (event.kind === 'order')
    return {
      kind: 'limit',
      text: `${hook}: of chains of several tables with one priority it is not known which is first`,
      isDoubt: true,
    };
  const by = nameDecider(event.by);
  switch (event.kind) {
    case 'dropped':
      return { kind: 'rule', text: `${hook}: dropped by ${by}` };
    case 'may drop':
      return { kind: 'rule', text: `${hook}: may be dropped by ${by}`, isDoubt: true };
    case 'may decide':
      return { kind: 'rule', text: `${hook}: ${by} may decide otherwise`, isDoubt: true };
    case 'marked':
      return { kind: 'mark', text: `${hook}: marked by ${by}` };
    case 'translated':
    case 'may translate': {
      const isDoubt = event.kind === 'may translate';
      const text = `${hook}: the ${event.end} ${isDoubt ? 'may be' : 'is'} translated by ${by}`;
      return { kind: 'translation', text, ...(isDoubt && { isDoubt }) };
    }
  }
}

function routeInWords(answer: RouteAnswer, mark: number, linkName: (index: number) => string): string {
  const marked = mark === 0 ? '' : ` with mark 0x${(mark >>> 0).toString(16)}`;
  if ('error' in answer) return `route${marked}: none (${answer.error})`;
  const { route, matched } = answer;
  const network = matched ? routeName(matched) : `to ${formatAddress(route.destination.address)}`;
  const via = route.gateway ? ` via ${formatAddress(route.gateway)}` : '';
  const link = route.index === undefined ? '' : ` dev ${plain(linkName(route.index), MAX_NAME)}`;
  const table = route.table === MAIN || route.table === 0 ? '' : `, table ${route.table}`;
  return `route${marked}: ${network}${via}${link}${table}${ownerOf(matched)}`;
}

/** `default`, or the network. */
export function routeName({ destination }: Pick<Route, 'destination'>): string {
  return isDefault(destination) ? 'default' : formatPrefix(destination);
}

function ownerOf(matched: Route | undefined): string {
  if (matched?.protocol === RTPROT_DWGD) return ', of a label';
  return matched?.protocol === RTPROT_DWGD_TUNNEL ? ", of its network's full tunnel" : '';
}
