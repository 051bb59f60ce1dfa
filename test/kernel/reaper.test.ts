// Links deleted in the background: which, in what order, and that the event loop goes on meanwhile.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createLog } from '../../src/base/log.js';
import { LinkReaper, type ReapedLink } from '../../src/driver/tunnel/link-reaper.js';
import { openRouteSocket } from '../../src/netlink/connection.js';
import { kernelTest, Namespace } from '../support/namespace.js';

/** A link of that name, whatever it is. */
const any = (name: string): ReapedLink => ({ name, isOurs: () => true });

/** A reaper and what it logs. */
function reaper(): { reaper: LinkReaper; lines: string[] } {
  const lines: string[] = [];
  return { reaper: new LinkReaper(createLog(true, false, line => lines.push(line))), lines };
}

kernelTest('links are deleted one after the other, in the order given', async t => {
  const ns = await Namespace.create(t);
  const names = Array.from({ length: 10 }, (_, n) => `br${n}`);
  for (const name of names) await ns.rt.createLink({ name, kind: 'bridge' });
  const done: string[] = [];
  const { reaper: it, lines } = reaper();
  for (const name of names)
    it.reap(
      any(name),
      () => ns.within(openRouteSocket),
      () => done.push(name),
    );
  await it.idle();
  assert.deepEqual(done, names);
  assert.deepEqual(
    (await ns.rt.links()).map(({ name }) => name),
    ['lo'],
  );
  assert.deepEqual(lines, []);
});

kernelTest('the event loop goes on while the kernel deletes', async t => {
  const ns = await Namespace.create(t);
  for (let n = 0; n < 30; n++) await ns.rt.createLink({ name: `br${n}`, kind: 'bridge' });
  let turns = 0;
  let turning = setImmediate(function turn() {
    turns++;
    turning = setImmediate(turn);
  });
  t.after(() => clearImmediate(turning));
  const { reaper: it } = reaper();
  const asked: number[] = [];
  const turned: number[] = [];
  for (let n = 0; n < 30; n++)
    it.reap(
      any(`br${n}`),
      () => {
        asked.push(turns);
        return ns.within(openRouteSocket);
      },
      () => turned.push(turns - asked.at(-1)!),
    );
  await it.idle();
  assert.equal(turned.length, 30);
  assert.ok(
    turned.every(count => count > 0),
    `turns of the loop during each: ${turned.join(' ')}`,
  );
});

kernelTest(
  'a link that is gone already is as good as deleted, and so is one in a namespace that is gone',
  async t => {
    const ns = await Namespace.create(t);
    const { reaper: it, lines } = reaper();
    const done: string[] = [];
    it.reap(
      any('nosuch'),
      () => ns.within(openRouteSocket),
      () => done.push('link'),
    );
    const gone = (): never => {
      throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    };
    it.reap(any('any'), gone, () => done.push('namespace'));
    await it.idle();
    assert.deepEqual([done, lines], [['link', 'namespace'], []]);
  },
);

kernelTest('a refusal is reported, is not taken for done, and does not hold up the next', async t => {
  const ns = await Namespace.create(t);
  await ns.rt.createLink({ name: 'br0', kind: 'bridge' });
  const { reaper: it, lines } = reaper();
  const done: string[] = [];
  const refused = (): never => {
    throw new Error('no socket today');
  };
  it.reap(
    any('lo'),
    () => ns.within(openRouteSocket),
    () => done.push('lo'),
  );
  it.reap(any('br0'), refused, () => done.push('br0 at first'));
  it.reap(
    any('br0'),
    () => ns.within(openRouteSocket),
    () => done.push('br0'),
  );
  await it.idle();
  assert.deepEqual(done, ['br0']);
  assert.match(lines[0]!, /error cannot delete a link: deleting link lo: E[A-Z]+ .* link=lo\n$/);
  assert.match(lines[1]!, /error cannot delete a link: no socket today link=br0\n$/);
});

kernelTest('reaping leaves no file descriptor behind', async t => {
  const ns = await Namespace.create(t);
  const { reaper: it } = reaper();
  const before = readdirSync('/proc/self/fd').length;
  for (const name of ['nosuch', 'lo', 'nosuch'])
    it.reap(
      any(name),
      () => ns.within(openRouteSocket),
      () => undefined,
    );
  await it.idle();
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

kernelTest('a link that is not the one meant stays, and a link of its name is as good as gone', async t => {
  const ns = await Namespace.create(t);
  await ns.rt.createLink({ name: 'br0', kind: 'bridge', group: 7 });
  const { reaper: it, lines } = reaper();
  const done: string[] = [];
  const ofGroup = (group: number): ReapedLink => ({ name: 'br0', isOurs: link => link.group === group });
  const left: string[][] = [];
  for (const group of [8, 7]) {
    it.reap(
      ofGroup(group),
      () => ns.within(openRouteSocket),
      () => done.push(String(group)),
    );
    await it.idle();
    left.push((await ns.rt.links()).map(({ name }) => name));
  }
  assert.deepEqual([left, done, lines], [[['lo', 'br0'], ['lo']], ['8', '7'], []]);
});
