// Throw-away network namespaces for tests on the real kernel, made by ip(8) and gone after the test. Without root
// or ip(8) the tests are skipped; in CI they fail instead.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Netns, NetnsSwitch, type Synchronous } from '../../src/netlink/netns.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import { Starter } from './starter.js';

const starter = new Starter();

/** Runs a program in the namespaces that the test began in, and returns what it prints. @throws ProgramError */
export function run(program: string, ...args: string[]): string {
  return starter.run(program, ...args);
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

/** Far longer than the kernel takes for what it does later, on a machine that does much else. */
const SETTLED_WITHIN_MS = 30_000;

/** Lets some time pass within synchronous code. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
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
    // Nobody has the same address: link-local ones need no second in which the kernel asks.
    namespace.within(() => {
      const path = '/proc/sys/net/ipv6/conf/default/accept_dad';
      if (existsSync(path)) writeFileSync(path, '0');
    });
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

  /** `ip -n NAME …`: what the standard tool does and says. An address that it adds with `nodad` is there with its route. */
  ip(...args: string[]): string {
    const said = run('ip', '-n', this.name, ...args);
    if (args.includes('nodad')) this.settle();
    return said;
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
    this.settle(name);
    other.settle(otherName);
  }

  /**
   * Waits for what the kernel does later, by a thread of its own: the local route of every address of IPv6, and the
   * link-local address of links that have just come up.
   */
  settle(...links: string[]): void {
    const end = Date.now() + SETTLED_WITHIN_MS;
    for (let unsettled = this.#unsettled(links); unsettled.length > 0; unsettled = this.#unsettled(links)) {
      if (Date.now() > end) throw new Error(`${this.name}: no route of its own for ${unsettled.join(', ')}`);
      pause(1);
    }
    // The kernel has done that under the lock that this needs: it has let go of it.
    this.rt.link('lo');
  }

  /** Links without a link-local address, and addresses without their local route. */
  #unsettled(links: readonly string[]): string[] {
    const [addresses, routes] = this.within(() =>
      ['if_inet6', 'ipv6_route'].map(file => {
        const path = `/proc/thread-self/net/${file}`;
        return existsSync(path)
          ? readFileSync(path, 'utf8')
              .trim()
              .split('\n')
              .map(line => line.split(/ +/))
          : [];
      }),
    ) as [string[][], string[][]];
    const hasRoute = (address = '', link = ''): boolean =>
      routes.some(
        ([to, length, , , , , , , , dev]) =>
          to === address && length === '80' && (dev === link || dev === 'lo'),
      );
    return [
      ...links.filter(
        link =>
          this.#hasIPv6(link) &&
          !addresses.some(([to = '', , , , , name]) => /^fe[89ab]/.test(to) && name === link),
      ),
      ...addresses.flatMap(([to = '', , , , , name]) => (hasRoute(to, name) ? [] : [to])),
    ];
  }

  #hasIPv6(link: string): boolean {
    const path = `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;
    return this.within(() => existsSync(path) && readFileSync(path, 'utf8') === '0\n');
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
