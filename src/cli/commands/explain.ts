// `dwgd explain <container> <address>`: the way of a packet, a line for each thing that it meets, and one sentence at the end.
// Not here: the way (explain/containers.ts), the command line (cli/explain-command.ts).

import { oneLine } from '../../base/text.js';
import type { Way } from '../../control/answers.js';
import { findDockerHost } from '../../docker/docker-host.js';
import { explainLive } from '../../explain/containers.js';
import { destinationMistake, readDestination } from '../../explain/question.js';

import { type Find, findContainer } from '../../labels/find-container.js';
import { UsageError } from '../settings/flag-values.js';
import { withDockerRemedy } from './docker-remedy.js';

export interface ExplainFlags {
  readonly json?: true;
  readonly dockerHost?: string;
}

/** Of a sentence, in bytes. */
const SENTENCE_MAX = 2048;

/** Prints the way; the status is 1 where it cannot be told. @throws UsageError, UserError, Error */
export async function printExplanation(
  name: string,
  destination: string,
  flags: ExplainFlags,
): Promise<void> {
  const typed = readDestination(destination);
  if (!typed) throw new UsageError(destinationMistake(destination));
  const dockerHost = findDockerHost(flags.dockerHost);
  const find: Find = containers => findContainer(name, containers);
  const way = await explainLive({ dockerHost }, find, typed).catch(err => {
    throw withDockerRemedy(err, dockerHost, 'or say where it is by --docker-host');
  });
  process.stdout.write(flags.json ? asJson(way) : asText(way));
  if (way.outcome.kind === 'unknown') process.exitCode = 1;
}

function asText({ container, destination, steps, sentence }: Way): string {
  const lines = [
    `${container} to ${destination}`,
    ...steps.map(step => `  ${step.container}: ${step.text}`),
    sentence,
  ];
  return lines
    .map(line => `${line.startsWith(' ') ? '  ' : ''}${oneLine(line.trimStart(), SENTENCE_MAX)}\n`)
    .join('');
}

function asJson(way: Way): string {
  // Names of links come from the namespace: no character of them reaches a terminal as a command.
  const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(way, null, 2).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped)}\n`;
}
