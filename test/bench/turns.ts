// Two kinds of daemons by turns, each the same work: which of the two goes first changes from turn to turn. Not here: the work.
import { figure, median } from './stats.js';

/** What a turn of either kind has measured, in order. */
export interface Pairs<T> {
  readonly plain: readonly T[];
  readonly told: readonly T[];
}

/** @param take one turn, of a daemon with metrics and page or without */
export async function byTurns<T>(turns: number, take: (isTold: boolean) => Promise<T>): Promise<Pairs<T>> {
  const [plain, told]: [T[], T[]] = [[], []];
  for (let turn = 0; turn < turns; turn++) {
    const order = turn % 2 === 0 ? [plain, told] : [told, plain];
    for (const taken of order) taken.push(await take(taken === told));
  }
  return { plain, told };
}

export const PAIRED = ['', 'without', 'with', 'difference by turns', 'more with'] as const;

/** A row below these headings. */
export function paired<T>({ plain, told }: Pairs<T>, what: string, of: (turn: T) => number): string[] {
  const differences = told.map((turn, n) => of(turn) - of(plain[n]!));
  const difference = median(differences);
  return [
    what,
    ...[plain, told].map(turns => figure(median(turns.map(of)))),
    `${difference < 0 ? '-' : '+'}${figure(Math.abs(difference))}`,
    `${differences.filter(one => one > 0).length} of ${differences.length}`,
  ];
}
