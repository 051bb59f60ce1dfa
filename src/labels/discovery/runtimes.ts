// Container runtimes whose containers have a network stack of their own: gVisor's, or a virtual machine's. The kernel's
// routes and rules in the namespace mean nothing to those. Not here: what is refused therefore (snapshot.ts, labels/planner/plan.ts).

import { messageOf } from '../../base/errors.js';
import { readInfo } from './docker-answers.js';
import { ClosedError, type Queries } from './queries.js';

/** Words of runtimes' names, types and paths: `runsc-kvm`, `io.containerd.kata.v2`, `/usr/bin/crun-krun`. */
const OWN_STACKS: ReadonlySet<string> = new Set([
  'runsc',
  'gvisor',
  'kata',
  'krun',
  'libkrun',
  'firecracker',
  'runq',
  'urunc',
  'quark',
  'cc',
]);
/** Of which nobody needs to be asked: they run processes on the kernel's own stack. */
const KERNEL_STACKS: ReadonlySet<string> = new Set([
  '',
  'runc',
  'io.containerd.runc.v2',
  'io.containerd.runtime.v1.linux',
  'crun',
  'youki',
  'nvidia',
  'sysbox-runc',
]);

/** Whether the name, type or path is of a runtime with a network stack of its own. */
export function isOwnStack(text: string): boolean {
  const name = text.split('/').at(-1) ?? '';
  return name.split(/[^A-Za-z0-9]+/).some(word => OWN_STACKS.has(word.toLowerCase().replace(/\d+$/, '')));
}

export class Runtimes {
  readonly #queries: Queries;
  /** By name. A name means another runtime only after Docker read its configuration anew. */
  readonly #known = new Map<string, boolean>();

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  /**
   * Whether containers of the runtime of that name have a network stack of their own, or why that is not known.
   * @throws ClosedError
   */
  async hasOwnStack(name: string): Promise<boolean | string> {
    if (KERNEL_STACKS.has(name)) return false;
    if (isOwnStack(name)) return true;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // The administrator may have called it anything.
    try {
      const { path, runtimeType } = (await this.#queries.get('/info', readInfo)).Runtimes?.[name] ?? {};
      const has = [path, runtimeType].some(text => typeof text === 'string' && isOwnStack(text));
      this.#known.set(name, has);
      return has;
    } catch (err) {
      if (err instanceof ClosedError) throw err;
      return messageOf(err);
    }
  }
}
