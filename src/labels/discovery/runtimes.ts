// Container runtimes with their own network stack: gVisor's, or a virtual machine's. The kernel's routes and rules in the
// namespace have no effect on those. Not here: which labels are refused for that (labels/spec/refused-labels.ts).

import { ClosedError, messageOf } from '../../base/errors.js';
import type { Queries } from '../../docker/queries.js';
import { readInfo } from './docker-answers.js';

/** Words in names, types and paths of runtimes: `runsc-kvm`, `io.containerd.kata.v2`, `/usr/bin/crun-krun`. */
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
/** Known to run processes on the kernel's own stack: Docker need not be asked. */
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

/** Whether the name, type or path is that of a runtime with its own network stack. */
export function isOwnStack(text: string): boolean {
  const name = text.split('/').at(-1) ?? '';
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  return words.some(word => OWN_STACKS.has(/^([a-z]+)\d*$/.exec(word)?.[1] ?? ''));
}

export class Runtimes {
  readonly #queries: Queries;
  /** By name. A name changes its meaning only when Docker reloads its configuration. */
  readonly #known = new Map<string, boolean>();

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  /** Whether the runtime of that name has its own network stack, or why that is not known. @throws ClosedError */
  async hasOwnStack(name: string): Promise<boolean | string> {
    if (KERNEL_STACKS.has(name)) return false;
    if (isOwnStack(name)) return true;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // The administrator may have given it any name.
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
