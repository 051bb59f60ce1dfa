// Container runtimes whose containers have a network stack of their own: gVisor's, or a virtual machine's. The kernel's
// routes and rules in the namespace mean nothing to those. Not here: what is refused therefore (snapshot.ts, labels/planner/plan.ts).

import type { DockerApi } from '../../docker/api-client.js';

/** How long Docker may take for an answer, in milliseconds. */
const ANSWERED_WITHIN = 5_000;

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

/** What of an answer of `GET /info` is of use: a runtime has a path, or since Docker 23 a type. */
interface Info {
  readonly Runtimes?: Readonly<
    Record<string, { readonly path?: string; readonly runtimeType?: string }>
  > | null;
}

/** Whether the name, type or path is of a runtime with a network stack of its own. */
export function isOwnStack(text: string): boolean {
  const name = text.split('/').at(-1) ?? '';
  return name.split(/[^A-Za-z0-9]+/).some(word => OWN_STACKS.has(word.toLowerCase().replace(/\d+$/, '')));
}

export class Runtimes {
  readonly #api: DockerApi;
  /** By name. A name means another runtime only after Docker read its configuration anew. */
  readonly #known = new Map<string, boolean>();

  constructor(api: DockerApi) {
    this.#api = api;
  }

  /** Whether containers of the runtime of that name have a network stack of their own. */
  async hasOwnStack(name: string): Promise<boolean> {
    if (KERNEL_STACKS.has(name)) return false;
    if (isOwnStack(name)) return true;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // The administrator may have called it anything.
    const info = await this.#api.get<Info>('/info', ANSWERED_WITHIN).catch(() => undefined);
    if (!info) return false;
    const { path, runtimeType } = info.Runtimes?.[name] ?? {};
    const has = [path, runtimeType].some(text => typeof text === 'string' && isOwnStack(text));
    this.#known.set(name, has);
    return has;
  }
}
