// Sockets under load: more requests than answers fit the buffer, more events than anybody reads, a busy event loop.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { RtNetlink, watchLinks } from '../../src/netlink/route/client.js';
import type { Link } from '../../src/netlink/route/link.js';
import { kernelTest, Namespace } from '../support/namespace.js';

/** Waits until it holds, five seconds at the most. */
async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let n = 0; !holds(); n++) {
    assert.ok(n < 500, `not within five seconds: ${what}`);
    await sleep(10);
  }
}

kernelTest('five thousand requests at once are all answered, each with its own answer', async t => {
  const ns = await Namespace.create(t);
  const index = await ns.index('lo');
  const links = await Promise.all(
    Array.from({ length: 5000 }, (_, n) => ns.rt.link(n % 2 === 0 ? index : `nosuch${n}`)),
  );
  for (const [n, link] of links.entries()) assert.equal(link?.name, n % 2 === 0 ? 'lo' : undefined);
});

kernelTest('a watcher hears of links that appear, change and go', async t => {
  const ns = await Namespace.create(t);
  const heard: string[] = [];
  const watch = ns.within(() =>
    watchLinks((link, present) => heard.push(`${link.name} ${present ? (link.up ? 'up' : 'down') : 'gone'}`)),
  );
  t.after(() => watch.close());
  ns.ip('link', 'add', 'br-test', 'type', 'bridge');
  ns.ip('link', 'set', 'br-test', 'up');
  ns.ip('link', 'del', 'br-test');
  await eventually('gone', () => heard.includes('br-test gone'));
  assert.ok(heard.includes('br-test down') && heard.includes('br-test up'));
});

kernelTest('a watcher hears nothing of other namespaces, nor after it is closed', async t => {
  const [ns, other] = [await Namespace.create(t), await Namespace.create(t)];
  const heard: Link[] = [];
  const watch = ns.within(() => watchLinks(link => heard.push(link)));
  other.ip('link', 'add', 'br-test', 'type', 'bridge');
  await sleep(50);
  watch.close();
  watch.close();
  ns.ip('link', 'add', 'br-test', 'type', 'bridge');
  await sleep(50);
  assert.deepEqual(heard, []);
});

kernelTest('a watcher lives through more events than its buffer holds, and hears those after', async t => {
  const ns = await Namespace.create(t);
  let heard = 0;
  let last = '';
  const watch = ns.within(() =>
    watchLinks(link => {
      heard++;
      last = link.name;
    }),
  );
  t.after(() => watch.close());
  const changes = Array.from({ length: 4000 }, (_, n) => `link set lo mtu ${2000 + n}`).join('\n');
  // Synchronous: nobody reads meanwhile.
  execFileSync('ip', ['-n', ns.name, '-batch', '-'], { input: changes });
  await eventually('the first events', () => heard > 0);
  ns.ip('link', 'add', 'br-late', 'type', 'bridge');
  await eventually('an event after the burst', () => last === 'br-late');
});

kernelTest('a socket may be closed by who waits for its answer, and another opened at once', async t => {
  const ns = await Namespace.create(t);
  for (let n = 0; n < 300; n++) {
    const rt = ns.within(() => new RtNetlink());
    assert.equal((await rt.links()).length, 1);
    rt.close();
  }
});

kernelTest('closing a socket fails all that waits on it, and what is asked of it later', async t => {
  const ns = await Namespace.create(t);
  const rt = ns.within(() => new RtNetlink());
  const asked = Array.from({ length: 100 }, () => rt.link('lo'));
  rt.close();
  const ends = await Promise.allSettled([...asked, rt.link('lo'), rt.links()]);
  for (const end of ends) {
    assert.ok(
      end.status === 'rejected' && /netlink socket (was|is) closed/.test(String(end.reason)),
      String(end.status),
    );
  }
});

kernelTest('sockets leave no file descriptor behind', async t => {
  const { readdirSync } = await import('node:fs');
  const ns = await Namespace.create(t);
  const count = (): number => readdirSync('/proc/self/fd').length;
  const before = count();
  const sockets = Array.from({ length: 50 }, () => ns.within(() => new RtNetlink()));
  assert.equal(count(), before + 50);
  for (const rt of sockets) rt.close();
  assert.equal(count(), before);
});
