// `dwgd peers`: what the far end of a network's tunnels has to know of its containers. Not here: asking the daemon
// (control-client.ts), the text (cli/output/far-end.ts).

import { messageOf } from '../../base/errors.js';
import { checkFarPeers } from '../../control/answer-shapes.js';
import { parseRange } from '../../driver/spec/address-range.js';
import { hasColours } from '../output/colours.js';
import { peersAsTable, peersAsWg } from '../output/far-end.js';
import { UsageError } from '../settings/flag-values.js';
import { askDaemon } from './control-client.js';

export interface PeersFlags {
  readonly wg?: true;
  readonly json?: true;
  readonly socket: string;
}

/** @throws UsageError for what is no range; UserError when the daemon cannot be asked, or has no peers of that network */
export async function printPeers(
  network: string,
  range: string | undefined,
  { wg, json, socket }: PeersFlags,
): Promise<void> {
  if (wg && json) throw new UsageError('give --wg or --json, not both');
  if (range !== undefined) checkRange(range);
  const query = range === undefined ? '' : `?${new URLSearchParams({ range })}`;
  const found = await askDaemon(socket, `peers/${encodeURIComponent(network)}${query}`, checkFarPeers);
  const { stdout, env } = process;
  if (json) stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
  else if (wg) stdout.write(peersAsWg(found));
  else stdout.write(peersAsTable(found, hasColours(stdout, env)));
}

function checkRange(range: string): void {
  try {
    parseRange(range);
  } catch (err) {
    throw new UsageError(messageOf(err));
  }
}
