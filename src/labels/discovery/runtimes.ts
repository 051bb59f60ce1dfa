// Container runtimes with their own network stack: gVisor's, or a virtual machine's. The kernel's routes and rules in the
// namespace have no effect on those. Not here: which labels are refused for that (labels/spec/refused-labels.ts).

import type { DockerApi } from '../../docker/api-client.js';

/** For Docker's answer about its runtimes. */
const INFO_TIMEOUT_MS = 5_000;

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

/** The fields of `GET /info` that are used: a runtime has a path, or since Docker 23 a type. */
interface Info {
  readonly Runtimes?: Readonly<
    Record<string, { readonly path?: string; readonly runtimeType?: string }>
  > | null;
}

/** Whether the name, type or path is that of a runtime with its own network stack. */
export function isOwnStack(text: string): boolean {
  const name = text.split('/').at(-1) ?? '';
  return name.split(/[^A-Za-z0-9]+/).some(word => OWN_STACKS.has(word.toLowerCase().replace(/\d+$/, '')));
}

export class Runtimes {
  readonly #api: DockerApi;
  /** By name. A name changes its meaning only when Docker reloads its configuration. */
  readonly #known = new Map<string, boolean>();

  constructor(api: DockerApi) {
    this.#api = api;
  }

  /** Whether the runtime of that name has its own network stack. */
  async hasOwnStack(name: string): Promise<boolean> {
    if (KERNEL_STACKS.has(name)) return false;
    if (isOwnStack(name)) return true;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // The administrator may have given it any name.
    const info = await this.#api.get<Info>('/info', INFO_TIMEOUT_MS).catch(() => undefined);
    if (!info) return false;
    const { path, runtimeType } = info.Runtimes?.[name] ?? {};
    const has = [path, runtimeType].some(text => typeof text === 'string' && isOwnStack(text));
    this.#known.set(name, has);
    return has;
  }
}
