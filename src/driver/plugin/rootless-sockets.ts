// Plugin sockets inside rootless Dockers: each sees its own /run/docker/plugins, in its own mount namespace, and
// gets a socket there that is its user's alone. Calls by it are that user's and reach that user's networks only.
// Not here: how a rootless Docker is found (driver/users/rootless-hosts.ts).

import { closeSync, mkdirSync, rmSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { asUser } from '../../../native/libc.js';
import { Coalescer } from '../../base/coalescer.js';
import { isExists, messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { CallCounts } from '../../control/call-counts.js';
import { DockerClient } from '../lifecycle/docker-networks.js';
import type { Verbs } from '../lifecycle/driver.js';
import type { Recovery } from '../lifecycle/recovery.js';
import type { UserLabels } from '../lifecycle/user-labels.js';
import { AnswerShares, type LoopShare } from '../users/loop-share.js';
import {
  hasEnded,
  type RootlessHost,
  type RootlessHosts,
  type RootlessProcess,
} from '../users/rootless-hosts.js';
import { openPathNow } from '../users/user-paths.js';
import { createPlugin } from './http.js';
import { PLUGIN_DIR, SOCKET_NAME } from './socket.js';
import { UserServer } from './user-server.js';

interface RootlessParts {
  readonly hosts: RootlessHosts;
  readonly driver: Verbs;
  readonly recovery: Recovery;
  /** Absent where nobody's labels are applied. */
  readonly labels?: UserLabels | undefined;
  readonly log: Log;
  /** What users' calls take turns in, of all users together; nobody's answers keep calls waiting. */
  readonly share: LoopShare;
  /** Is told of each call that was answered. */
  readonly calls?: CallCounts | undefined;
}

/** How often new rootless Dockers are looked for. */
const PERIOD_MS = 2_000;
/** A user's files are not read again for so many times as long as that took; after a single slow look, for so many milliseconds at most. */
const REST_TIMES = 50;
const MOST_FIRST_REST_MS = 20_000;

interface Served {
  readonly host: RootlessHost;
  readonly server: UserServer;
  readonly docker: DockerClient;
  /** Of the folder that holds the socket; pins it until the socket is unlinked. */
  readonly folder: number;
}

export class RootlessSockets {
  readonly #parts: RootlessParts;
  readonly #served = new Map<number, Served>();
  /** Sockets of Dockers that are gone, by user; they finish the calls under way. */
  readonly #dropping = new Map<number, Promise<void>>();
  /** Process ids, by user, of those running that could not be served so far: said once, tried again. */
  readonly #refused = new Map<number, number>();
  /** By user: until when, on the clock of performance.now(), and how long in all. */
  readonly #rests = new Map<number, { readonly until: number; readonly ms: number }>();
  readonly #answers = new AnswerShares();
  #timer: NodeJS.Timeout | undefined;
  #finding: Promise<void> = Promise.resolve();

  constructor(parts: RootlessParts) {
    this.#parts = parts;
  }

  /** Looks now, and every two seconds. */
  start(): void {
    const find = (): void => {
      this.#finding = this.#finding
        .then(() => this.#find())
        .catch(err => this.#parts.log.error(`cannot look for rootless Dockers: ${messageOf(err)}`));
    };
    this.#timer = setInterval(find, PERIOD_MS).unref();
    find();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#finding;
    for (const served of this.#served.values()) this.#drop(served);
    await Promise.all(this.#dropping.values());
  }

  async #find(): Promise<void> {
    const users = this.#parts.hosts.users();
    for (const known of [this.#rests, this.#refused])
      for (const uid of known.keys()) if (!users.includes(uid)) known.delete(uid);
    for (const served of [...this.#served.values()]) if (!users.includes(served.host.uid)) this.#drop(served);
    for (const uid of users) {
      const served = this.#served.get(uid);
      // However long they rest: what is open for a Docker that has ended is closed.
      if (served && hasEnded(served.host)) this.#drop(served);
      const begun = performance.now();
      const last = this.#rests.get(uid);
      if (last && begun < last.until) continue;
      this.#findOf(uid);
      const now = performance.now();
      const ms = restOf(now - begun, last?.ms);
      this.#rests.set(uid, { until: now + ms, ms });
      // Calls of root's are answered between two users.
      await turn();
    }
  }

  #findOf(uid: number): void {
    const host = this.#parts.hosts.find(uid);
    const served = this.#served.get(uid);
    if (served && (host?.pid !== served.host.pid || host.started !== served.host.started)) this.#drop(served);
    if (host?.pid !== this.#refused.get(uid)) this.#refused.delete(uid);
    if (!host || this.#served.has(uid) || this.#dropping.has(uid)) return;
    try {
      this.#serve(host);
      this.#refused.delete(uid);
    } catch (err) {
      if (this.#refused.has(uid)) return;
      this.#refused.set(uid, host.pid);
      this.#parts.log.warn({ user: uid }, `cannot serve a rootless Docker: ${messageOf(err)}`);
    }
  }

  #serve(host: RootlessHost): void {
    const { hosts, driver, recovery, labels, log, share, calls } = this.#parts;
    const folder = hosts.within(host.uid, openFolder);
    const path = `/proc/self/fd/${folder}/${SOCKET_NAME}`;
    const cutShort = (): void => comparer.soon();
    const app = createPlugin(driver, host.uid, log, { share, calls, cutShort });
    const server = new UserServer(app, host.uid, { share, log });
    try {
      // All of it is done as the user: the path may lead to a folder that only root can write.
      asUser(host.uid, host.gid, () => {
        rmSync(path, { force: true });
        server.listen(path);
      });
    } catch (err) {
      closeSync(folder);
      throw err;
    }
    const docker = new DockerClient(
      { socketPath: `/run/user/${host.uid}/docker.sock` },
      { connect: () => hosts.connect(host), read: parse => this.#answers.run(host.uid, parse) },
    );
    this.#served.set(host.uid, { host, server, docker, folder });
    log.info({ user: host.uid, pid: host.pid }, 'serving a rootless Docker');
    const comparer = recovery.comparer(docker, host.uid);
    const looking = labels && new Coalescer(() => labels.check(docker, host.uid));
    void docker.watch({
      up: () => {
        comparer.now();
        looking?.trigger();
      },
      ...(looking && { started: () => looking.trigger() }),
    });
  }

  /** Closes the socket. Only the user's own next Docker waits until the calls under way are finished. */
  #drop({ host, server, docker, folder }: Served): void {
    this.#served.delete(host.uid);
    docker.close();
    // The socket is unlinked synchronously, by who may write in its folder.
    let closing: Promise<void> | undefined;
    asUser(host.uid, host.gid, () => {
      closing = server.close();
    });
    const dropping = closing!
      .then(() => {
        closeSync(folder);
        this.#parts.log.info({ user: host.uid }, 'a rootless Docker is gone');
      })
      .catch(err => this.#parts.log.error({ user: host.uid }, `cannot close a socket: ${messageOf(err)}`))
      .finally(() => this.#dropping.delete(host.uid));
    this.#dropping.set(host.uid, dropping);
  }
}

/**
 * Its /run/docker/plugins, made where it is missing; a file descriptor (O_PATH). Its user owns that file system, so no
 * step of the way may be a symbolic link, which would lead out into ours, nor lie where it is the user who answers.
 */
function openFolder({ uid, gid, root }: RootlessProcess): number {
  let path = '';
  let folder: number | undefined;
  for (const name of PLUGIN_DIR.split('/').slice(1)) {
    const parent = folder;
    path = `${path}/${name}`;
    try {
      if (parent !== undefined) makeFolder(uid, gid, `/proc/self/fd/${parent}/${name}`);
      folder = openPathNow(root, path, 'refuse');
    } finally {
      if (parent !== undefined) closeSync(parent);
    }
  }
  return folder!;
}

/** Makes a folder that belongs to the user, unless something is there. */
function makeFolder(uid: number, gid: number, path: string): void {
  try {
    asUser(uid, gid, () => mkdirSync(path, { mode: 0o755 }));
  } catch (err) {
    if (!isExists(err)) throw err;
  }
}

/**
 * How long a user's files are left alone after a look. A machine that was busy with something else, or a first look, whose
 * code is cold, must not keep a Docker from being served for minutes; but a user who makes each look slow has no more than
 * his share of the time.
 * @param took milliseconds, @param last how long they were left alone before it, and so is what is returned
 */
export function restOf(took: number, last = 0): number {
  return Math.min(took * REST_TIMES, Math.max(MOST_FIRST_REST_MS, last * 2));
}
