// `dwgd explain <container> <address>`: the way of a packet, a line for each thing that it meets, and one sentence at the end.
// Not here: the way (explain/containers.ts), the command line (cli/explain-command.ts).

import { oneLine } from '../../base/text.js';
import { checkWay } from '../../control/answer-shapes.js';
import type { Way } from '../../control/answers.js';
import { destinationMistake, readDestination } from '../../explain/question.js';
import { UsageError } from '../settings/flag-values.js';
import { askDaemon } from './control-client.js';

export interface ExplainFlags {
  readonly json?: true;
  readonly dockerHost?: string;
  readonly socket: string;
}

/** How long the daemon may take, in milliseconds: one that hangs is not waited for. */
const WITHIN_MS = 1_500;

/** Of a sentence, in bytes. */
const SENTENCE_MAX = 2048;

/** Prints the way; the status is 1 where it cannot be told. @throws UsageError, UserError, Error */
export async function printExplanation(
  name: string,
  destination: string,
  flags: ExplainFlags,
): Promise<void> {
  if (!readDestination(destination)) throw new UsageError(destinationMistake(destination));
  const told = await wayByDaemon(name, destination, flags);
  // Into the routers of exit networks it alone looks.
  const isDone = told && (told.isSure || told.outcome.exit !== undefined);
  const way = isDone ? told : await wayByOneself(name, destination, flags, told);
  process.stdout.write(flags.json ? asJson(way) : asText(way));
  if (way.outcome.kind === 'unknown') process.exitCode = 1;
}

/** The daemon has loaded all that it takes, but reads less for an answer. Undefined where it has none, or another Docker is meant. */
async function wayByDaemon(
  name: string,
  destination: string,
  { dockerHost, socket }: ExplainFlags,
): Promise<Way | undefined> {
  if (dockerHost !== undefined || process.env.DOCKER_HOST) return undefined;
  const question = `explain/${encodeURIComponent(name)}?${new URLSearchParams({ to: destination })}`;
  return askDaemon(socket, question, checkWay, WITHIN_MS).catch(() => undefined);
}

/** @param told by the daemon, with a doubt: better than nothing. @throws UserError, Error */
async function wayByOneself(
  name: string,
  destination: string,
  { dockerHost }: ExplainFlags,
  told: Way | undefined,
): Promise<Way> {
  const { explainByDocker } = await import('./explain-by-docker.js');
  return explainByDocker(name, destination, dockerHost).catch(err => {
    if (told) return told;
    throw err;
  });
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
