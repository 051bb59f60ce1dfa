// `dwgd explain <container> <address>`: the way of a packet, a line for each thing that it meets, and one sentence at the end.
// Not here: the way (explain/containers.ts), the command line (cli/explain-command.ts).

import { ChannelError, DecodeError, UserError } from '../../base/errors.js';
import { quote } from '../../base/plain-text.js';
import { oneLine } from '../../base/text.js';
import { type DockerHost, findDockerHost } from '../../docker/docker-host.js';
import { explainLive, type LiveExplanation } from '../../explain/containers.js';
import { formatQuestion, readDestination } from '../../explain/destination.js';
import { UsageError } from '../settings/values.js';
import { withDockerRemedy } from './docker-remedy.js';
import { findContainer } from './find-container.js';

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
  if (!typed)
    throw new UsageError(
      `${quote(destination)} is no destination: give an address or a container, such as 10.1.2.3, 10.1.2.3:443, [fd00::2]:53/udp or vpn/icmp`,
    );
  const dockerHost = findDockerHost(flags.dockerHost);
  const explanation = await explainLive(
    dockerHost,
    containers => findContainer(name, containers),
    typed,
  ).catch(err => {
    throw withRemedy(err, dockerHost);
  });
  process.stdout.write(flags.json ? asJson(explanation) : asText(explanation));
  if (explanation.outcome.kind === 'unknown') process.exitCode = 1;
}

function asText({ container, question, steps, sentence }: LiveExplanation): string {
  const lines = [
    `${container} to ${formatQuestion(question)}`,
    ...steps.map(step => `  ${step.container}: ${step.text}`),
    sentence,
  ];
  return lines
    .map(line => `${line.startsWith(' ') ? '  ' : ''}${oneLine(line.trimStart(), SENTENCE_MAX)}\n`)
    .join('');
}

function asJson({ container, question, ...rest }: LiveExplanation): string {
  const all = { container, destination: formatQuestion(question), ...rest };
  // Names of links come from the namespace: no character of them reaches a terminal as a command.
  const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(all, null, 2).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped)}\n`;
}

/** Adds what helps where Docker does not tell its containers, and where a namespace has more than is read. */
function withRemedy(err: unknown, dockerHost: DockerHost): unknown {
  if (err instanceof ChannelError || err instanceof DecodeError)
    return new UserError(`the way cannot be told: ${err.message}`, { cause: err });
  return withDockerRemedy(err, dockerHost, 'or say where it is by --docker-host');
}
