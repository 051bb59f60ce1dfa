// The composition root: what the daemon is made of, in which order it comes up and goes down. Not here: flags
// (commands.ts), any work.

import { fstatSync } from 'node:fs';
import { Notifier } from '../native/notify.js';
import { DockerClient } from './driver/docker.js';
import { Driver } from './driver/driver.js';
import { createPlugin } from './driver/plugin.js';
import { PluginSocket } from './driver/plugin-socket.js';
import { Reaper } from './driver/reaper.js';
import { Recovery } from './driver/recovery.js';
import { RootlessHosts } from './driver/rootless.js';
import { RootlessSockets } from './driver/rootless-socket.js';
import { Sandboxes } from './driver/sandboxes.js';
import { Store } from './driver/store.js';
import { Upkeep } from './driver/upkeep.js';
import { messageOf, UserError } from './errors.js';
import { createLog, type Log } from './log.js';
import { NetnsSwitch } from './netlink/netns.js';
import { RtNetlink, watchLinks } from './netlink/rtnetlink.js';
import { WgCtrl } from './netlink/wgctrl.js';
import { Serial } from './serial.js';

export interface DaemonOptions {
  /** Path of the database; `''` is in memory. */
  readonly database: string;
  readonly verbose: boolean;
  /** Whether rootless Dockers are served too. */
  readonly rootless: boolean;
}

const DOCKER_SOCKET = '/var/run/docker.sock';

/** The socket of Docker's API: DOCKER_HOST, as for docker(1), where it names a unix socket. @throws UserError */
function dockerSocket(host = process.env.DOCKER_HOST): string {
  if (host === undefined || host === '') return DOCKER_SOCKET;
  if (!host.startsWith('unix:///'))
    throw new UserError(`DOCKER_HOST=${host} is not a unix socket: give unix:///path`);
  return host.slice('unix://'.length);
}

/** Whether stderr is the journal: JOURNAL_STREAM names its device and inode, and is inherited by what is not. */
function isJournal(stream = process.env.JOURNAL_STREAM): boolean {
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}

/** Runs until SIGTERM or SIGINT. @throws UserError when it cannot start */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const log = createLog(options.verbose, isJournal());
  const notifier = new Notifier();
  const stopped = stopSignal(log);

  const docker = new DockerClient(dockerSocket());
  const socket = new PluginSocket();
  const netns = await NetnsSwitch.open();
  const store = new Store(options.database);
  const trace = options.verbose ? (command: string): void => log.debug(command) : undefined;
  const rt = new RtNetlink(undefined, trace);
  const wg = new WgCtrl(undefined, trace);
  const reaper = new Reaper(log);
  const hosts = new RootlessHosts();
  const sandboxes = new Sandboxes(netns, hosts);
  const serial = new Serial();
  const driver = new Driver({ store, rt, wg, reaper, sandboxes, serial, log });
  await socket.listen(createPlugin(driver, 0, log));
  notifier.send('READY=1');
  notifier.startWatchdog();
  log.info({ database: options.database || 'in memory' }, 'listening for Docker');

  const recovery = new Recovery({ store, rt, reaper, driver, log });
  const upkeep = new Upkeep({ store, wg, sandboxes, serial, log });
  const watch = watchLinks((link, present) => present && upkeep.linkChanged(link.name));
  await recovery.sweep().catch(err => log.error(`cannot look for left-overs: ${messageOf(err)}`));
  upkeep.start();
  void docker.watch(() => void recovery.compare(docker, 0));
  const rootless = options.rootless ? new RootlessSockets({ hosts, driver, recovery, log }) : undefined;
  rootless?.start();

  const signal = await stopped;
  log.info({ signal }, 'stopping');
  notifier.send('STOPPING=1');
  docker.close();
  watch.close();
  upkeep.close();
  await Promise.all([socket.close(), rootless?.close(), upkeep.idle(), reaper.idle()]);
  rt.close();
  wg.close();
  store.close();
  netns.close();
  notifier.close();
  log.info('stopped');
}

/** The first of SIGTERM and SIGINT; a second one ends the process at once. */
function stopSignal(log: Log): Promise<string> {
  return new Promise(resolve => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) {
          log.warn('asked to stop twice: leaving now');
          process.exit(1);
        }
        asked = true;
        resolve(signal);
      });
    }
  });
}
