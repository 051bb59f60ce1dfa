// A channel that answers at once: the same answers and refusals as by the event loop, and none after its end.
import assert from 'node:assert/strict';
import { ChannelError, OpError } from '../../src/base/errors.js';
import { NETLINK_ROUTE } from '../../src/netlink/event-socket.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import { SyncNetlinkChannel } from '../../src/netlink/sync-channel.js';
import { kernelTest, Namespace } from '../support/namespace.js';

kernelTest('links are made, listed and refused as by a socket of the event loop', async t => {
  const ns = await Namespace.create(t);
  const rt = ns.within(() => new RtNetlink(new SyncNetlinkChannel(NETLINK_ROUTE)));
  t.after(() => rt.close());
  await rt.createLink({ name: 'br-test', kind: 'bridge' });
  assert.deepEqual(await rt.links(), await ns.rt.links());
  const refusal = { name: 'OpError', message: /^creating link br-test: EEXIST/ };
  await assert.rejects(rt.createLink({ name: 'br-test', kind: 'bridge' }), refusal);
  await assert.rejects(ns.rt.createLink({ name: 'br-test', kind: 'bridge' }), refusal);
  await assert.rejects(rt.deleteLink('nosuch'), OpError);
  assert.equal(await rt.link('nosuch'), undefined);
});

kernelTest('two hundred links are listed whole, while others are made', async t => {
  const ns = await Namespace.create(t);
  const rt = ns.within(() => new RtNetlink(new SyncNetlinkChannel(NETLINK_ROUTE)));
  t.after(() => rt.close());
  await Promise.all(Array.from({ length: 200 }, (_, n) => rt.createLink({ name: `l${n}`, kind: 'ifb' })));
  const [links] = await Promise.all([rt.links(), ns.rt.createLink({ name: 'late', kind: 'ifb' })]);
  assert.equal(new Set(links.map(({ name }) => name)).size, 201 + Number(links.some(l => l.name === 'late')));
});

kernelTest('closed, it refuses; closing twice takes no descriptor of others', async t => {
  const ns = await Namespace.create(t);
  const channel = ns.within(() => new SyncNetlinkChannel(NETLINK_ROUTE));
  const rt = new RtNetlink(channel);
  channel.close();
  const other = ns.within(() => new RtNetlink(new SyncNetlinkChannel(NETLINK_ROUTE)));
  t.after(() => other.close());
  channel.close();
  assert.equal((await other.links()).length, 1);
  await assert.rejects(rt.links(), ChannelError);
});
