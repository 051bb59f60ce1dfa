// Three namespaces in a line for tests of forwards: a client, the labelled container, a server behind it.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { programmer } from './label-namespace.js';
import { container, plan, showMistake } from './label-world.js';
import { kernelTest, Namespace } from './namespace.js';

export type Labels = Readonly<Record<string, string>>;

/** What the labels of a line are, and what is said of them. */
interface Labelled {
  readonly labels: Labels;
  /** In order. */
  readonly mistakes: readonly RegExp[];
  /** Of a second container in the namespace of the first. */
  readonly beside: Labels | undefined;
}

export interface Line {
  readonly client: Namespace;
  readonly middle: Namespace;
  readonly server: Namespace;
  /** The server comes back with other addresses. */
  readonly moveServer: (addresses: string) => void;
  /** What is wrong in the labelled container, by another look at it. */
  readonly warnings: () => readonly string[];
}

/** client 10.8.0.9 – wg0 10.8.0.2, middle, eth0 10.9.0.2 – server 10.9.0.3; the same with fd08:: and fd09::. */
async function line(t: TestContext, labelled: Labelled): Promise<Line> {
  const [client, middle, server] = [
    await Namespace.create(t),
    await Namespace.create(t),
    await Namespace.create(t),
  ];
  for (const ns of [client, middle, server]) ns.ip('link', 'set', 'lo', 'up');
  const { sandboxes } = await programmer(t);
  const program = (web?: string): readonly string[] => {
    const desired = { ...planned(labelled, web).sandboxes[0]!, netns: middle.ref };
    const { failures, warnings = [], notices = [] } = sandboxes.reconcile(desired)!;
    assert.deepEqual(failures, []);
    return [...warnings, ...notices];
  };
  program();
  connect(client, 'eth0', '8', '9', middle, 'wg0', '2');
  connect(server, 'eth0', '9', '3', middle, 'eth0', '2');
  for (const [ns, far, by] of [
    [client, '9', '8'],
    [server, '8', '9'],
  ] as const) {
    ns.ip('route', 'add', `10.${far}.0.0/24`, 'via', `10.${by}.0.2`);
    ns.ip('route', 'add', `fd0${far}::/64`, 'via', `fd0${by}::2`);
  }
  // What depends on where a packet leaves is known now.
  program();
  return { client, middle, server, moveServer: program, warnings: () => program() };
}

function planned({ labels, mistakes, beside }: Labelled, web = '10.9.0.3 fd09::3') {
  const found = plan([
    container('middle', { networks: { main: '10.9.0.2 fd09::2' }, labels }),
    ...(beside ? [container('beside', { netns: '4:middle', labels: beside })] : []),
    container('web', { networks: { main: web } }),
  ]);
  const said = found.diagnostics.map(showMistake);
  assert.equal(said.length, mistakes.length, said.join('\n'));
  for (const [n, mistake] of mistakes.entries()) assert.match(said[n]!, mistake);
  return found;
}

function connect(
  a: Namespace,
  nameA: string,
  net: string,
  hostA: string,
  b: Namespace,
  nameB: string,
  hostB: string,
) {
  a.ip('link', 'add', nameA, 'type', 'veth', 'peer', 'name', nameB, 'netns', b.name);
  for (const [ns, name, host] of [[a, nameA, hostA] as const, [b, nameB, hostB] as const]) {
    ns.ip('link', 'set', name, 'up');
    ns.ip('address', 'add', `10.${net}.0.${host}/24`, 'dev', name);
    ns.ip('address', 'add', `fd0${net}::${host}/64`, 'dev', name, 'nodad');
  }
}

/**
 * Tests of packets; interfaces come up after the table is in place.
 * @param mistakes what is said of the labels, in order
 * @param beside labels of a second container in the namespace of the first
 */
export function lineTest(
  name: string,
  labels: Labels,
  check: (line: Line, t: TestContext) => Promise<void>,
  mistakes: readonly RegExp[] = [],
  beside?: Labels,
): void {
  kernelTest(name, async t => await check(await line(t, { labels, mistakes, beside }), t), 'nft');
}
