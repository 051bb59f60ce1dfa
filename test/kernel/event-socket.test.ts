// Events of links: those of one namespace, until the end, and more of them than anybody reads.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { Link } from '../../src/netlink/route/link.js';
import { watchLinks } from '../../src/netlink/route/link-watch.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { eventually } from '../support/shell.js';

function unexpected(err: unknown): void {
  throw err;
}

kernelTest('what is thrown at an event ends nothing: it is told, and the next events are heard', async t => {
  const ns = await Namespace.create(t);
  const [heard, told]: string[][] = [[], []];
  const changed = ({ name }: Link): void => {
    heard!.push(name);
    if (name === 'br-bad') throw new Error(`cannot follow ${name}`);
  };
  const watch = ns.within(() => watchLinks(changed, err => told!.push((err as Error).message)));
  t.after(() => watch.close());
  ns.ip('link', 'add', 'br-bad', 'type', 'bridge');
  ns.ip('link', 'add', 'br-good', 'type', 'bridge');
  await eventually(() => heard!.includes('br-good'));
  assert.deepEqual([...new Set(told)], ['cannot follow br-bad']);
});

kernelTest('a watcher hears of links that appear, change and go', async t => {
  const ns = await Namespace.create(t);
  const heard: string[] = [];
  const watch = ns.within(() =>
    watchLinks(
      (link, present) => heard.push(`${link.name} ${present ? (link.up ? 'up' : 'down') : 'gone'}`),
      unexpected,
    ),
  );
  t.after(() => watch.close());
  ns.ip('link', 'add', 'br-test', 'type', 'bridge');
  ns.ip('link', 'set', 'br-test', 'up');
  ns.ip('link', 'del', 'br-test');
  await eventually(() => heard.includes('br-test gone'));
  assert.ok(heard.includes('br-test down') && heard.includes('br-test up'));
});

kernelTest('a watcher hears nothing of other namespaces, nor after it is closed', async t => {
  const [ns, other] = [await Namespace.create(t), await Namespace.create(t)];
  const heard: Link[] = [];
  const names = (): Set<string> => new Set(heard.map(({ name }) => name));
  const watch = ns.within(() => watchLinks(link => heard.push(link), unexpected));
  // What would be heard comes before what is.
  other.ip('link', 'add', 'br-other', 'type', 'bridge');
  ns.ip('link', 'add', 'br-own', 'type', 'bridge');
  await eventually(() => heard.length > 0);
  watch.close();
  watch.close();
  let last = '';
  const next = ns.within(() => watchLinks(({ name }) => (last = name), unexpected));
  t.after(() => next.close());
  ns.ip('link', 'add', 'br-late', 'type', 'bridge');
  await eventually(() => last === 'br-late');
  assert.deepEqual(names(), new Set(['br-own']));
});

kernelTest('a watcher lives through more events than its buffer holds, and hears those after', async t => {
  const ns = await Namespace.create(t);
  let heard = 0;
  let last = '';
  const watch = ns.within(() =>
    watchLinks(link => {
      heard++;
      last = link.name;
    }, unexpected),
  );
  t.after(() => watch.close());
  const changes = Array.from({ length: 4000 }, (_, n) => `link set lo mtu ${2000 + n}`).join('\n');
  // Synchronous: nobody reads meanwhile.
  execFileSync('ip', ['-n', ns.name, '-batch', '-'], { input: changes });
  await eventually(() => heard > 0);
  ns.ip('link', 'add', 'br-late', 'type', 'bridge');
  await eventually(() => last === 'br-late');
});

kernelTest('watchers leave no file descriptor behind', async t => {
  const ns = await Namespace.create(t);
  const count = (): number => readdirSync('/proc/self/fd').length;
  const before = count();
  const watches = Array.from({ length: 50 }, () => ns.within(() => watchLinks(() => undefined, unexpected)));
  assert.equal(count(), before + 50);
  for (const watch of watches) watch.close();
  assert.equal(count(), before);
});
