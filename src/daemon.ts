// The composition root: what the daemon is made of, in which order it comes up and goes down. Not here: flags
// (cli/command-line.ts), any work.

import { fstatSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { FdStore } from '../native/fd-store.js';
import { exitNow, forbidCoreDumps } from '../native/libc.js';
import { Notifier } from '../native/sd-notify.js';
import { createLog } from './base/log.js';
import { openControl } from './control/control.js';
import type { MetricsAddress } from './control/metrics-address.js';
import { version } from './control/version.js';
import { findDockerHost } from './docker/docker-host.js';
import { Explainer } from './explainer.js';
import { LabelHalf } from './label-half.js';
import type { LabelParts } from './labels/label-context.js';
import type { LabelOptions, LabelService } from './labels/service.js';
import { Reload } from './reload.js';
import { closeAll, StopSignal } from './stop.js';

export interface DaemonOptions {
  /** Path of the database; `''` is in memory. */
  readonly database: string;
  readonly verbose: boolean;
  /** Whether rootless Dockers are served too: those of all users, or of some (uids). */
  readonly rootless: boolean | readonly number[];
  /** The interfaces of the host that their containers may join. */
  readonly rootlessIfnames: readonly string[];
  /** Of Docker's API: `unix:///path` or `tcp://host:port`; absent: DOCKER_HOST, else Docker's default. */
  readonly dockerHost?: string;
  /** Whether to be a network driver. */
  readonly driver: boolean;
  /** How to keep containers' labels; absent: not at all. */
  readonly labels?: LabelOptions;
  /** Where Prometheus may scrape; absent: on the control socket alone. */
  readonly metrics?: MetricsAddress;
  /** Whether the page is there, too; absent: no. */
  readonly page?: boolean;
}

/** The options as they are by now. @throws Error with a sentence for each mistake */
export type Reread = () => Promise<DaemonOptions>;

/** Whether stderr is the journal: JOURNAL_STREAM names its device and inode, and is inherited by what is not. */
function isJournal(stream = process.env.JOURNAL_STREAM): boolean {
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}

/** Runs until SIGTERM or SIGINT, and ends the process; SIGHUP has it reread. @throws UserError when it cannot start */
export async function runDaemon(options: DaemonOptions, reread: Reread): Promise<void> {
  forbidCoreDumps();
  const dockerHost = findDockerHost(options.dockerHost);
  const log = createLog(options.verbose, isJournal());
  const fdStore = new FdStore();
  const notifier = new Notifier();
  const stop = new StopSignal(log);
  const reload = new Reload(options, { reread, log, notifier });

  const parts = { dockerHost, log, verbose: options.verbose };
  const started = new Date();
  const labels = options.labels && new LabelHalf(log, () => loadLabelService(parts));
  // Each half is loaded where it is used. Docker waits for the driver, and for labels nobody does.
  const { startDriver } = options.driver ? await import('./driver/service.js') : {};
  const { database, rootless, rootlessIfnames } = options;
  const hasLabels = options.labels !== undefined;
  const ofDriver = { database, rootless, rootlessIfnames, fdStore };
  const trustImageLabels = options.labels?.trustImageLabels ?? false;
  const driver = await startDriver?.({ ...parts, ...ofDriver, labels: hasLabels, trustImageLabels });
  if (!driver && options.labels) await labels?.start(options.labels);
  notifier.send('READY=1');
  notifier.startWatchdog();
  // Asked to stop by now, it begins nothing more.
  if (!stop.isAsked) await driver?.recover();
  if (!stop.isAsked && driver && options.labels) labels?.keepTrying(options.labels);
  reload.begin({
    ...(labels && { labels: next => labels.replace(next) }),
    ...(driver && { files: () => driver.reload() }),
  });

  const halves = { ...(driver && { driver: driver.status }), ...(labels && { labels: labels.status }) };
  const page = async () => (await import('./page/page-api.js')).addPage;
  const tcp = options.metrics && { address: options.metrics, ...(options.page && { page }) };
  const exits = async () => (await driver?.exitPlaces()) ?? [];
  const { explain } = new Explainer({ dockerHost, known: () => labels?.containers(), exits });
  const daemon = { version: version(), started, ...halves, explain };
  const control = stop.isAsked ? undefined : await openControl(daemon, tcp, log);

  const signal = await stop.asked;
  log.info({ signal }, 'stopping');
  notifier.send('STOPPING=1');
  const status = await closeAll(
    {
      'a reload': reload.close(),
      'the control socket': control?.close(),
      'the driver': driver?.close(),
      'the labels': labels?.close(),
    },
    log,
  );
  notifier.close();
  log.info('stopped');
  // getaddrinfo(3) cannot be called off, and exit(3) waits for its thread: a name server that does not answer would hold
  // up the end.
  exitNow(status);
}

/** What labels brought is taken away, and named. @throws UserError, Error */
export async function runCleanup(options: Pick<DaemonOptions, 'dockerHost' | 'verbose'>): Promise<void> {
  const { cleanUp } = await import('./labels/clean-up.js');
  const { verbose } = options;
  const dockerHost = findDockerHost(options.dockerHost);
  const parts = { dockerHost, log: createLog(verbose, isJournal()), verbose };
  let isClean = true;
  await cleanUp(parts, line => {
    isClean = false;
    process.stdout.write(`${line}\n`);
  });
  if (isClean) process.stdout.write('nothing to remove\n');
}

async function loadLabelService(
  parts: LabelParts,
): Promise<(options: LabelOptions) => Promise<LabelService>> {
  // From now on V8 compiles at once what it would interpret at first: a pass is a tenth faster. For the driver's start
  // it would be a tenth slower, so that goes before.
  setFlagsFromString('--always-sparkplug');
  const { startLabels } = await import('./labels/service.js');
  return options => startLabels({ ...parts, ...options });
}
