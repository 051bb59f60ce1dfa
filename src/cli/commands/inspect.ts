// `dwgd inspect`: what a container or network is to have beside what it has. Not here: asking the daemon (control-client.ts),
// the tables' form (cli/output/text-table.ts).

import { blankUnseen } from '../../base/text.js';
import { checkInspection } from '../../control/answer-shapes.js';
import type { ComparedPart, Inspection } from '../../control/answers.js';
import { hasColours } from '../output/colours.js';
import { ago, type Cell, table, toned } from '../output/text-table.js';
import { askDaemon } from './control-client.js';

export interface InspectFlags {
  readonly json?: true;
  readonly socket: string;
}

/** @throws UserError when the daemon cannot be asked, or knows nothing of that name */
export async function printInspection(name: string, { json, socket }: InspectFlags): Promise<void> {
  // Docker's API has a slash before the names of containers; no name begins with one.
  const question = `inspect/${encodeURIComponent(name.replace(/^\//, ''))}`;
  const found = await askDaemon(socket, question, checkInspection);
  const { stdout, env } = process;
  if (json) stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
  else stdout.write(`${inspectionLines(found, hasColours(stdout, env), Date.now()).join('\n')}\n`);
}

/** @param now milliseconds since 1970 */
export function inspectionLines(found: Inspection, colours: boolean, now: number): string[] {
  const { kind, name, id, parts, notInForce } = found;
  const differ = parts.reduce(
    (sum, { comparisons }) => sum + comparisons.filter(one => !one.isSame).length,
    0,
  );
  const isWell =
    differ === 0 && notInForce.length === 0 && parts.every(({ problem }) => problem === undefined);
  const verdict = isWell
    ? toned('all is as it is to be', 'good', colours)
    : toned(`${differ} differences, ${notInForce.length} labels not in force`, 'bad', colours);
  const problems =
    notInForce.length === 0
      ? []
      : table(
          ['NOT IN FORCE', 'SINCE', 'REASON'],
          notInForce.map(({ label, since, reason }) => [[label, 'bad'], ago(since, now), reason]),
          colours,
        );
  return [
    `${kind} ${blankUnseen(name)} (${id.slice(0, 12)}): ${verdict}`,
    ...parts.flatMap(part => ['', ...partLines(part, colours)]),
    ...(problems.length > 0 ? ['', ...problems] : []),
  ];
}

function partLines({ title, problem, note, comparisons }: ComparedPart, colours: boolean): string[] {
  const rows = comparisons.map(({ what, desired = '', observed = '', isSame }): Cell[] => [
    [isSame ? ' ' : '!', isSame ? undefined : 'bad'],
    what,
    desired,
    [observed, isSame ? undefined : 'bad'],
  ]);
  return [
    blankUnseen(title),
    ...(problem === undefined ? [] : [toned(blankUnseen(problem), 'bad', colours)]),
    ...(note === undefined ? [] : [toned(blankUnseen(note), 'faint', colours)]),
    ...(rows.length > 0 ? table([' ', 'WHAT', 'DESIRED', 'OBSERVED'], rows, colours) : []),
  ];
}
