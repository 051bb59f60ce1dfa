// Network namespaces: handles to them, and the one function that runs code inside another one.
// The only caller of setns. Not here: how a container's namespace is found.

import { closeSync, fstatSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { CLONE_NEWNET, type Synchronous, setns, unshare } from '../../native/libc.js';

/** An open namespace. It pins the namespace: close it soon. */
export class Netns {
  readonly #fd: number;

  /**
   * @param path `/proc/PID/ns/net`, `/run/docker/netns/…`
   * @throws the error of open(2): ENOENT when it is gone
   */
  constructor(readonly path: string) {
    this.#fd = openSync(path, 'r');
  }

  /** The file descriptor, for IFLA_NET_NS_FD and setns. */
  get fd(): number {
    return this.#fd;
  }

  /** Device and inode, which no other namespace has while this one lives: `4:4026532287`. */
  get key(): string {
    const { dev, ino } = fstatSync(this.#fd);
    return `${dev}:${ino}`;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export type { Synchronous };

/** The way into other namespaces and back, for the main thread. */
export class NetnsSwitch {
  readonly #host: Netns;

  private constructor(host: Netns) {
    this.#host = host;
  }

  /** Opens the host's namespace: the one the process is in now. */
  static async open(): Promise<NetnsSwitch> {
    // libuv starts its threads at their first use, in the namespace of the caller, for good: start them here.
    await stat('/proc/self/ns/net');
    return new NetnsSwitch(new Netns('/proc/self/ns/net'));
  }

  /** The key of the host's namespace. */
  get hostKey(): string {
    return this.#host.key;
  }

  /**
   * Runs a function in a namespace. Sockets that it opens belong to that namespace for good; files under
   * /proc/sys/net are that namespace's. The process aborts if it cannot come back.
   * @throws OpError when the namespace cannot be entered, and whatever the function throws
   */
  within<T>(netns: Netns, fn: () => Synchronous<T>): Synchronous<T> {
    setns(netns.fd, netns.path);
    return this.#andBack(fn);
  }

  /**
   * The same in a namespace that is made for it, and goes with the last socket that was opened in it.
   * @throws OpError when none can be made (EPERM), and whatever the function throws
   */
  withinNew<T>(fn: () => Synchronous<T>): Synchronous<T> {
    unshare(CLONE_NEWNET, 'to look around in');
    return this.#andBack(fn);
  }

  /**
   * Makes a namespace, which goes when its handle is closed, unless something else holds it.
   * @throws OpError when none can be made (EPERM)
   */
  make(): Netns {
    let made: Netns | undefined;
    this.withinNew(() => {
      made = new Netns('/proc/thread-self/ns/net');
    });
    return made!;
  }

  #andBack<T>(fn: () => Synchronous<T>): Synchronous<T> {
    try {
      return fn();
    } finally {
      try {
        setns(this.#host.fd, this.#host.path);
      } catch (err) {
        console.error(`cannot return to the host's network namespace, giving up: ${err}`);
        process.abort();
      }
    }
  }

  close(): void {
    this.#host.close();
  }
}
