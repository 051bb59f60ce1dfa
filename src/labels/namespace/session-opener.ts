// The way into a network namespace: a session in the one that was meant, unless it is gone or another has taken its
// place. The thread is back before anything else runs. Not here: what is done inside (session.ts, sandbox.ts).

import { isNotFound, UserError } from '../../base/errors.js';
import { Netns, type NetnsSwitch } from '../../netlink/netns.js';
import type { Trace } from '../../netlink/trace.js';
import type { NetnsRef } from '../discovery/container.js';
import { isSameProcess } from '../discovery/proc-netns.js';
import { NetnsSession, type SessionParts } from './session.js';

interface SessionOpenerParts {
  readonly netnsSwitch: Pick<NetnsSwitch, 'hostKey' | 'within'>;
  readonly session: SessionParts;
  /** The host's namespace, which is never entered; absent: the one that this process is in. */
  readonly host: NetnsRef | undefined;
  readonly trace: Trace | undefined;
}

export class SessionOpener {
  readonly #parts: SessionOpenerParts;

  constructor(parts: SessionOpenerParts) {
    this.#parts = parts;
  }

  /**
   * Runs a synchronous function with a session inside the namespace. Undefined when the namespace is gone, or its path
   * leads to another one by now.
   * @throws UserError for the host's own namespace; OpError or ChannelError when it cannot be entered
   */
  within<T>(ref: NetnsRef, use: (session: NetnsSession) => T): T | undefined {
    const { netnsSwitch, host } = this.#parts;
    const netns = openNetns(ref.path);
    if (!netns) return undefined;
    try {
      const { key } = netns;
      if (key === (host?.key ?? netnsSwitch.hostKey)) {
        throw new UserError(`${ref.path} is the host's own network namespace, which labels never change`);
      }
      if (key !== ref.key || !isSameProcess(ref)) return undefined;
      return netnsSwitch.within<{ value: T }>(netns, () => ({
        value: this.#use(ref.path, this.#traceIn(ref.path), use, key),
      })).value;
    } finally {
      netns.close();
    }
  }

  /** Runs a synchronous function with a session in the namespace of the calling thread: the host's. */
  here<T>(use: (session: NetnsSession) => T): T {
    return this.#use('the host', this.#parts.trace, use);
  }

  #use<T>(subject: string, trace: Trace | undefined, use: (session: NetnsSession) => T, key?: string): T {
    const session = new NetnsSession(this.#parts.session, subject, trace, key);
    try {
      return use(session);
    } finally {
      session.close();
    }
  }

  #traceIn(path: string): Trace | undefined {
    const { trace } = this.#parts;
    return trace && (command => trace(`nsenter --net=${path} ${command}`));
  }
}

function openNetns(path: string): Netns | undefined {
  try {
    return new Netns(path);
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}
