// Links of users other than root: made directly in the user's namespace, which is never the host's.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { LinkNamespaces } from '../../src/driver/tunnel/namespaces.js';
import { RootlessHosts } from '../../src/driver/users/rootless-hosts.js';
import { Netns, NetnsSwitch } from '../../src/netlink/netns.js';
import { kernelTest, Namespace } from '../support/namespace.js';

const USER = 1000;

/** A user whose Docker has the namespace of a path, and whose containers' paths are as that user says. */
class OneUser extends RootlessHosts {
  constructor(readonly docker: string) {
    super('/nowhere');
  }
  override openNetns(): Netns {
    return new Netns(this.docker);
  }
  override openSandbox(_uid: number, path: string): Netns {
    return new Netns(path);
  }
}

/** The way into the namespaces of a user whose Docker has that of a path. */
async function sandboxes(t: TestContext, docker: string): Promise<LinkNamespaces> {
  const entry = await NetnsSwitch.open();
  t.after(() => entry.close());
  return new LinkNamespaces(entry, new OneUser(docker));
}

kernelTest("a link is made in the user's namespace, and in no other", async t => {
  const [host, theirs] = [await Namespace.create(t), await Namespace.create(t)];
  await host.rt.createLink({ name: 'wg-u', kind: 'bridge', group: 7, mtu: 1300, netnsFd: theirs.netns.fd });
  const made = (await theirs.rt.link('wg-u'))!;
  assert.deepEqual([made.kind, made.group, made.mtu], ['bridge', 7, 1300]);
  assert.equal(await host.rt.link('wg-u'), undefined);
});

kernelTest('a link is deleted by its index, and one that has its name since then stays', async t => {
  const ns = await Namespace.create(t);
  await ns.rt.createLink({ name: 'wg-u', kind: 'bridge' });
  const before = (await ns.rt.link('wg-u'))!;
  ns.ip('link', 'set', 'wg-u', 'name', 'other');
  await ns.rt.createLink({ name: 'wg-u', kind: 'bridge' });
  await ns.rt.deleteLink(before);
  const names = (await ns.rt.links()).map(({ name }) => name);
  assert.deepEqual(names, ['lo', 'wg-u']);
});

kernelTest("sockets where a user's Docker looks for links see that namespace, and all go", async t => {
  const theirs = await Namespace.create(t);
  await theirs.rt.createLink({ name: 'br0', kind: 'bridge' });
  const it = await sandboxes(t, theirs.netns.path);
  const before = readdirSync('/proc/self/fd').length;
  const place = it.openDockerSockets(USER);
  const names = (await place.rt.links()).map(({ name }) => name);
  place.close();
  assert.deepEqual(names, ['lo', 'br0']);
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

for (const [what, open] of [
  ['for its links', it => it.openDockerSockets(USER)],
  ['for a deletion', it => it.openRouteSocket(USER)],
  ['for a look', it => it.openRtNetlink(USER)],
  [
    "as a container's",
    it =>
      it.openContainer(
        {
          id: 'e',
          networkId: 'n',
          ifname: 'wg-u',
          state: 'joined',
          sandboxKey: '/proc/thread-self/ns/net',
        },
        USER,
      ),
  ],
] as const satisfies readonly (readonly [string, (it: LinkNamespaces) => unknown])[]) {
  kernelTest(`a user's namespace that is the host's is refused ${what}`, async t => {
    const it = await sandboxes(t, '/proc/self/ns/net');
    const before = readdirSync('/proc/self/fd').length;
    assert.throws(() => open(it), { name: 'UserError', code: 'ENOENT', message: /namespace of the host/ });
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });
}

test('of a user who is not served neither a namespace nor a path is to be had', () => {
  const hosts = new RootlessHosts('/run/user', uid => uid !== USER);
  const refused = {
    name: 'UserError',
    message: 'the rootless Docker of user 1000 does not run, or is not served (-r)',
  };
  assert.throws(() => hosts.openNetns(USER), refused);
  assert.throws(() => hosts.openSandbox(USER, '/x'), refused);
});

kernelTest("the host's namespace is known by any path to it", async t => {
  const host = new Netns('/proc/self/ns/net');
  t.after(() => host.close());
  const it = await sandboxes(t, `/proc/self/fd/${host.fd}`);
  assert.throws(() => it.openDockerSockets(USER), { name: 'UserError' });
});
