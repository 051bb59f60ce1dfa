// The questions to nf_tables on a connection, each with what it is about for its error. Not here: their bytes (messages.ts),
// connections (sockets.ts).

import { ChannelError, isNotFound } from '../base/errors.js';
import { type AnswerLimits, type Connection, GUARDED, type OpContext } from '../netlink/connection.js';
import type { Request } from '../netlink/message.js';
import {
  decodeSetKeys,
  decodeTableName,
  getElementsRequest,
  getGenerationRequest,
  getRulesRequest,
  getTableRequest,
  getTablesRequest,
} from './messages.js';
import type { NftFamily, NftTable } from './table.js';
import { decodeGeneration } from './table-snapshot.js';

export type TableName = Pick<NftTable, 'family' | 'name'>;

/** @param chain of one chain alone */
export function rulesOf(connection: Connection, { family, name }: TableName, chain?: string): Buffer[] {
  const context =
    chain === undefined
      ? { op: 'listing nftables table', subject: name }
      : { op: 'listing nftables chain', subject: `${name} ${chain}` };
  return payloadsOf(connection, getRulesRequest(family, name, chain), context);
}

/** @throws OpError: ENOENT */
export function tableOf(connection: Connection, { family, name }: TableName): Buffer {
  const context = { op: 'reading nftables table', subject: name };
  const [table] = connection.request(getTableRequest(family, name), context);
  if (!table) throw new ChannelError(`${context.op} ${name}: an answer without it`);
  return table.payload;
}

/** As decodeGeneration() has it. @throws OpError, ChannelError */
export function generationOf(connection: Connection): number {
  const context = { op: 'reading nftables', subject: 'generation' };
  const [answer] = connection.request(getGenerationRequest(), context);
  if (!answer) throw new ChannelError(`${context.op} ${context.subject}: an answer without it`);
  return decodeGeneration(answer.payload);
}

export function hasTable(connection: Connection, table: TableName): boolean {
  try {
    return tableOf(connection, table).length > 0;
  } catch (err) {
    if (isNotFound(err)) return false;
    throw err;
  }
}

export function payloadsOf(connection: Connection, request: Request, context: OpContext): Buffer[] {
  return connection.request(request, context).map(({ payload }) => payload);
}

/** Lists all tables: asking for one that may be missing costs an error, which is expensive to create. */
export function tablesOf(connection: Connection, family: NftFamily): string[] {
  const context = { op: 'listing nftables tables of', subject: family };
  const tables = payloadsOf(connection, getTablesRequest(family), context);
  return tables.flatMap(table => decodeTableName(table) ?? []);
}

/** Of the connection that a set is read by: ours have a few elements, and an answer with more is somebody else's. */
export const SET_LIMITS: AnswerLimits = { ...GUARDED, messages: 4, bytes: 16 * 1024 };

/** The keys of a set's elements. @throws OpError: ENOENT; ChannelError beyond SET_LIMITS */
export function setKeysOf(connection: Connection, { family, name }: TableName, set: string): Buffer[] {
  const context = { op: 'listing nftables set', subject: `${name} ${set}` };
  return payloadsOf(connection, getElementsRequest(family, name, set), context).flatMap(decodeSetKeys);
}
