// `dwgd doctor`: findings as lines for a person, or as JSON. Not here: what is looked for (doctor/doctor.ts).

import { UserError } from '../../base/errors.js';
import { oneLine } from '../../base/text.js';
import { checkStatus, checkSurvey } from '../../control/answer-shapes.js';
import { CONTROL_SOCKET } from '../../control/paths.js';
import type { DaemonOptions } from '../../daemon.js';
import { findDockerHost } from '../../docker/docker-host.js';
import type { Finding } from '../../doctor/checks/finding.js';
import type { DoctorOptions } from '../../doctor/doctor.js';
import { UsageError } from '../settings/flag-values.js';
import { DEFAULTS, daemonOptions } from '../settings/settings-table.js';
import type { Resolved } from '../settings/sources.js';
import { askDaemon } from './control-client.js';

/** How long the daemon may take, in milliseconds. */
const WITHIN_MS = 3_000;
/** Of a sentence, in bytes. */
const SENTENCE_MAX = 4096;

/**
 * Prints what is wrong; whether anything is.
 * @param read the settings of the service; @param dockerHost by a flag, before all else
 * @throws UserError to whom may not look
 */
export async function printFindings(
  read: Promise<Resolved>,
  dockerHost: string | undefined,
  asJson: boolean,
): Promise<boolean> {
  if (process.geteuid!() !== 0) {
    read.catch(() => undefined);
    throw new UserError(
      "dwgd doctor looks at files and namespaces that are root's alone: run it as root (sudo dwgd doctor)",
    );
  }
  const done = new AbortController();
  // It answers while the settings are read and the rest is loaded.
  const survey = askDaemon(CONTROL_SOCKET, 'survey', checkSurvey, WITHIN_MS, done.signal);
  // Whoever wants the answer hears of it.
  survey.catch(() => undefined);
  try {
    const options = await doctorOptions(read, dockerHost);
    const { examine } = await import('../../doctor/doctor.js');
    const findings = await examine({
      ...options,
      askDaemon: () => survey,
      askStatus: () => askDaemon(CONTROL_SOCKET, 'status', checkStatus, WITHIN_MS),
    });
    process.stdout.write(asJson ? `${JSON.stringify({ findings }, null, 2)}\n` : asText(findings));
    return findings.length > 0;
  } finally {
    // Nobody waits for an answer that is not wanted.
    done.abort();
  }
}

/** What the doctor is to know of the service; a configuration with a mistake is a finding, and the defaults count. */
async function doctorOptions(read: Promise<Resolved>, dockerHost?: string): Promise<DoctorOptions> {
  let mistake: string | undefined;
  let options: DaemonOptions;
  try {
    options = daemonOptions((await read).settings);
  } catch (err) {
    if (!(err instanceof UsageError)) throw err;
    mistake = err.message.replaceAll('\nerror: ', '; ');
    options = daemonOptions(DEFAULTS);
  }
  const { database, rootless, rootlessIfnames, labels } = options;
  return {
    dockerHost: findDockerHost(dockerHost ?? options.dockerHost),
    ...{ database, rootless, rootlessIfnames },
    ...(labels && { labels }),
    ...(mistake !== undefined && { configuration: mistake }),
  };
}

/** A paragraph for each finding. */
function asText(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'nothing is wrong\n';
  return findings
    .map(({ what, remedy, page }) =>
      [sentence(what), `  do: ${sentence(remedy)}`, `  see: ${page}`].map(line => `${line}\n`).join(''),
    )
    .join('\n');
}

/** What containers and files have put into it is on one line, and does nothing to a terminal. */
function sentence(text: string): string {
  return oneLine(text, SENTENCE_MAX);
}
