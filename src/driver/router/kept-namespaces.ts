// Namespaces that outlive the daemon: each is bound to a file, by which the next daemon finds it; or where a service may mount
// nothing, the service manager holds a descriptor of it. Not here: what is in them.

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { bindMount, unmount } from '../../../native/bind-mount.js';
import { FdStore } from '../../../native/fd-store.js';
import { errorCode, isNotFound, messageOf, OpError, UserError } from '../../base/errors.js';
import { faultPoint } from '../../fault/fault-point.js';
import { Netns, type NetnsSwitch } from '../../netlink/netns.js';

/** NSFS_MAGIC of <linux/magic.h>: the file system of namespaces. */
const NSFS_MAGIC = 0x6e736673;
/** What the names of descriptors begin with. */
const FD_PREFIX = 'netns-';

export class KeptNamespaces {
  readonly #switch: NetnsSwitch;
  readonly #folder: string;
  readonly #fdStore: FdStore;
  /** Of these it was told that they are not kept. */
  readonly #unkept = new Set<string>();

  /**
   * @param folder in a tmpfs, made where it is missing
   * @param fdStore used where nothing may be mounted; absent: none
   */
  constructor(netnsSwitch: NetnsSwitch, folder = '/run/dwgd/netns', fdStore = new FdStore({})) {
    this.#switch = netnsSwitch;
    this.#folder = folder;
    this.#fdStore = fdStore;
  }

  /** The names of those that there may be. */
  names(): string[] {
    const held = [...this.#fdStore.held]
      .filter(name => name.startsWith(FD_PREFIX))
      .map(name => name.slice(FD_PREFIX.length));
    try {
      return [...new Set([...held, ...readdirSync(this.#folder)])];
    } catch (err) {
      if (isNotFound(err)) return held;
      throw err;
    }
  }

  /**
   * The namespace of a name, the one that there is or a new one.
   * @param name a word, as ids are
   * @throws UserError where none can be made or kept
   */
  open(name: string): { readonly netns: Netns; readonly isNew: boolean } {
    const found = this.#find(name);
    if (found) return { netns: found, isNew: false };
    const path = this.#path(name);
    let netns: Netns | undefined;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      closeSync(openSync(path, 'wx', 0o600));
      netns = this.#switch.make();
      faultPoint('namespace-made');
      this.#keep(name, netns.fd, path);
      faultPoint('namespace-kept');
      return { netns, isNew: true };
    } catch (err) {
      netns?.close();
      rmSync(path, { force: true });
      throw new UserError(`cannot keep a network namespace at ${path}: ${messageOf(err)}`, { cause: err });
    }
  }

  #keep(name: string, fd: number, path: string): void {
    try {
      bindMount(`/proc/self/fd/${fd}`, path);
    } catch (err) {
      if (errorCode(err) !== 'EPERM' || !this.#fdStore.isThere) throw err;
      this.#fdStore.hold(FD_PREFIX + name, fd);
      rmSync(path, { force: true });
    }
  }

  /**
   * Keeps a namespace that is open, where somebody has unmounted it or removed its file since.
   * @returns why it is not kept, the first time; it lives as long as it is open
   */
  keepStill(name: string, fd: number): string | undefined {
    try {
      this.#keepAgain(name, fd);
      this.#unkept.delete(name);
      return undefined;
    } catch (err) {
      if (this.#unkept.has(name)) return undefined;
      this.#unkept.add(name);
      return `cannot keep a network namespace at ${this.#path(name)}, and the next daemon will not find it: ${messageOf(err)}`;
    }
  }

  #keepAgain(name: string, fd: number): void {
    const path = this.#path(name);
    if (this.#fdStore.held.has(FD_PREFIX + name)) return;
    const [found, own] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
    if (found?.ino === own.ino && found.dev === own.dev) return;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    this.#keep(name, fd, path);
  }

  /**
   * Lets go of it: it ends with the last handle to it.
   * @returns whether nothing holds it any more; where the service manager was not reached, names() has it still
   * @throws OpError where what is mounted stays
   */
  remove(name: string): boolean {
    const path = this.#path(name);
    this.#unkept.delete(name);
    try {
      unmount(path);
    } catch (err) {
      // Nothing is mounted there, there is no such file, or this service may not: then it has mounted nothing.
      const mayNot = errorCode(err) === 'EPERM' && this.#fdStore.isThere;
      if (errorCode(err) !== 'EINVAL' && !isNotFound(err) && !mayNot) throw err;
    }
    faultPoint('namespace-unmounted');
    rmSync(path, { force: true });
    try {
      this.#fdStore.letGo(FD_PREFIX + name);
      return true;
    } catch (err) {
      if (!(err instanceof OpError)) throw err;
      return false;
    }
  }

  /** Undefined where there is none; what a crash has left of one is taken away. */
  #find(name: string): Netns | undefined {
    let netns: Netns;
    const given = this.#fdStore.given.get(FD_PREFIX + name);
    try {
      netns = new Netns(given === undefined ? this.#path(name) : `/proc/self/fd/${given}`);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
    const isNamespace = statfsSync(`/proc/self/fd/${netns.fd}`).type === NSFS_MAGIC;
    if (isNamespace && netns.key !== this.#switch.hostKey) return netns;
    netns.close();
    this.remove(name);
    return undefined;
  }

  #path(name: string): string {
    if (name !== basename(name) || name.startsWith('.')) throw new RangeError(`no name of a file: ${name}`);
    return join(this.#folder, name);
  }
}
