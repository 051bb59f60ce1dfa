// docs/engines.md, of what came of the matrix.
import type { Outcome } from './outcome.js';

/** What a column ran with, a word for a component: "Docker 20.10.24". */
export type Versions = readonly string[];

export interface Results {
  /** By the column's release. */
  readonly versions: Readonly<Record<string, Versions>>;
  /** By release, then by part. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, Outcome>>>>;
}

function cell(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'not run';
  const all = outcome.passed + outcome.failed;
  return outcome.failed === 0 ? `${outcome.passed}` : `**${outcome.failed} of ${all} failed**`;
}

/**
 * The page: a column for each Debian, a line for each part of the suite.
 * @param releases the columns, in their order
 * @param parts the lines, in their order
 * @param reasons why a cell is not green, by "part, release"
 */
export function enginesPage(
  releases: readonly string[],
  parts: readonly string[],
  { versions, outcomes }: Results,
  reasons: Readonly<Record<string, string>>,
): string {
  const row = (words: readonly string[]) => `| ${words.join(' | ')} |`;
  const components = Math.max(...releases.map(release => versions[release]?.length ?? 0));
  const lines = [
    row(['', ...releases.map(release => `Debian ${release}`)]),
    row(['---', ...releases.map(() => '---')]),
    ...Array.from({ length: components }, (_, n) =>
      row(['', ...releases.map(release => versions[release]?.[n] ?? '')]),
    ),
    ...parts.map(part => row([`\`${part}\``, ...releases.map(release => cell(outcomes[release]?.[part]))])),
  ];
  const notGreen = releases.flatMap(release =>
    parts.flatMap(part => {
      const outcome = outcomes[release]?.[part];
      if (outcome === undefined || outcome.failed === 0) return [];
      const names = outcome.failures.map(name => `"${name}"`).join(', ');
      const reason = reasons[`${part}, ${release}`] ?? 'not known yet';
      return [`- \`${part}\` on ${release}: ${names}: ${reason}`];
    }),
  );
  return `# Engines

Made by \`make matrix\`: the whole suite in the root of each of three Debians, with that one's Docker, libnftables, systemd and
tools, and a release of Node.js each. In the laboratory it boots that Debian's kernel, elsewhere it is the kernel of the
machine outside. A number is how many tests passed.

${lines.join('\n')}
${notGreen.length === 0 ? '' : `\n## Not green\n\n${notGreen.join('\n')}\n`}`;
}
