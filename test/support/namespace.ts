// Throw-away network namespaces for tests on the real kernel, made by ip(8) and gone after the test. Without root
// or ip(8) the tests are skipped; in CI they fail instead.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { Netns, NetnsSwitch, type Synchronous } from '../../src/netlink/netns.js';
import { RtNetlink } from '../../src/netlink/route/client.js';

/** Runs a program and returns what it prints. */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Why a program cannot be used for tests as root; undefined when it can. */
export function lacking(...programs: string[]): string | undefined {
  if (process.getuid!() !== 0) return 'needs root';
  for (const program of programs) {
    try {
      run('sh', '-c', `command -v ${program}`);
    } catch {
      return `needs ${program}`;
    }
  }
  return undefined;
}

/** A test on the real kernel. */
export function kernelTest(
  name: string,
  fn: (t: TestContext) => Promise<void> | void,
  ...tools: string[]
): void {
  const missing = lacking('ip', ...tools);
  if (missing !== undefined && process.env.CI === 'true') {
    test(name, () => {
      throw new Error(`${missing}: nothing is skipped in CI`);
    });
  } else {
    test(name, { skip: missing ?? false }, fn);
  }
}

/** A namespace of its own, with a socket in it. */
export class Namespace {
  readonly netns: Netns;
  readonly rt: RtNetlink;
  #freed = false;

  private constructor(
    readonly name: string,
    readonly entry: NetnsSwitch,
  ) {
    this.netns = new Netns(`/run/netns/${name}`);
    this.rt = this.within(() => new RtNetlink());
  }

  /** Makes one that goes with the test. */
  static async create(t: TestContext): Promise<Namespace> {
    const name = `dwgd-test-${randomBytes(4).toString('hex')}`;
    run('ip', 'netns', 'add', name);
    const namespace = new Namespace(name, await NetnsSwitch.open());
    t.after(() => namespace.free());
    return namespace;
  }

  /** Lets go of it, once. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.rt.close();
    this.netns.close();
    this.entry.close();
    run('ip', 'netns', 'del', this.name);
  }

  /** `ip -n NAME …`: what the standard tool does and says. */
  ip(...args: string[]): string {
    return run('ip', '-n', this.name, ...args);
  }

  /** What `ip netns exec NAME …` prints: any program in there. */
  exec(program: string, ...args: string[]): string {
    return run('ip', 'netns', 'exec', this.name, program, ...args);
  }

  /** A veth between this namespace and another. */
  veth(name: string, other: Namespace, otherName: string): void {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', otherName, 'netns', other.name);
    this.ip('link', 'set', name, 'up');
    other.ip('link', 'set', otherName, 'up');
  }

  /** Its identity and a path to it. */
  get ref(): { readonly key: string; readonly path: string } {
    return { key: this.netns.key, path: this.netns.path };
  }

  /** Runs a synchronous function in the namespace. */
  within<T>(fn: () => Synchronous<T>): Synchronous<T> {
    return this.entry.within(this.netns, fn);
  }

  /** The index of a link. */
  async index(link: string): Promise<number> {
    return (await this.rt.link(link))!.index;
  }
}
