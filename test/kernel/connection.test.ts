// Connections to the kernel: long lists, refusals, lists that change while they are read, and their end.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { ChannelError, OpError } from '../../src/base/errors.js';
import { formatPrefix, parsePrefix } from '../../src/base/ip.js';
import { DUMP_BUFFER_BYTES, type NetlinkConnection, openConnection } from '../../src/netlink/connection.js';
import { NETLINK_ROUTE } from '../../src/netlink/message.js';
import { getAddressesRequest } from '../../src/netlink/route/address.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import { deleteLinkRequest, getLinkRequest } from '../../src/netlink/route/link.js';
import { decodeRoute, getRoutesRequest, newRouteRequest } from '../../src/netlink/route/route.js';
import { Nft } from '../../src/nft/client.js';
import { decodeRuleComment, getRulesRequest, NETLINK_NETFILTER } from '../../src/nft/messages.js';
import { type NftTable, replaceTable } from '../../src/nft/table.js';
import { kernelTest, Namespace } from '../support/namespace.js';

const listing = { op: 'listing', subject: 'routes' };
const RTN_BLACKHOLE = 6;
const blackhole = (n: number, protocol: number) => ({
  destination: parsePrefix(`10.${n >> 8}.${n & 255}.0/24`)!,
  type: RTN_BLACKHOLE,
  protocol,
});

/** A socket in a namespace, and what it is asked for there. */
function within<T extends object>(ns: Namespace, fn: (socket: NetlinkConnection) => T): T {
  return ns.within<{ value: T }>(() => {
    const socket = openConnection(NETLINK_ROUTE);
    try {
      return { value: fn(socket) };
    } finally {
      socket.close();
    }
  }).value;
}

kernelTest('a thousand routes are added and listed whole, and the list is what ip(8) sees', async t => {
  const ns = await Namespace.create(t);
  const routes = within(ns, socket => {
    for (let n = 0; n < 1000; n++) {
      socket.request(newRouteRequest(blackhole(n, 199)), { op: 'adding', subject: `route ${n}` });
    }
    return socket.request(getRoutesRequest(), listing).flatMap(({ payload }) => decodeRoute(payload) ?? []);
  });
  const read = routes.filter(({ protocol }) => protocol === 199).map(r => formatPrefix(r.destination));
  const printed = JSON.parse(ns.ip('-json', 'route', 'show', 'proto', '199')) as { dst: string }[];
  assert.equal(read.length, 1000);
  assert.deepEqual(read.sort(), printed.map(({ dst }) => dst).sort());
});

kernelTest('a filtered list holds what was asked for alone', async t => {
  const ns = await Namespace.create(t);
  const routes = within(ns, socket => {
    for (const protocol of [229, 199]) {
      socket.request(newRouteRequest(blackhole(protocol, protocol)), { op: 'adding', subject: 'a route' });
    }
    return socket
      .request(getRoutesRequest(229), listing)
      .flatMap(({ payload }) => decodeRoute(payload) ?? []);
  });
  assert.deepEqual(
    routes.map(({ destination, protocol }) => `${formatPrefix(destination)} ${protocol}`),
    ['10.0.229.0/24 229'],
  );
});

kernelTest('a refusal has its errno and says what was being done; the socket goes on', async t => {
  const ns = await Namespace.create(t);
  within(ns, socket => {
    const purpose = { op: 'deleting link', subject: 'nosuch' };
    assert.throws(
      () => socket.request(deleteLinkRequest('nosuch'), purpose),
      (err: unknown) =>
        err instanceof OpError &&
        err.code === 'ENODEV' &&
        err.message === 'deleting link nosuch: ENODEV (no such device)',
    );
    assert.deepEqual(socket.request(getAddressesRequest(), listing), []);
    return socket;
  });
});

kernelTest(
  'it belongs to the namespace in which it was opened, and answers outside of the window too',
  async t => {
    const ns = await Namespace.create(t);
    ns.ip('route', 'add', 'blackhole', '10.0.0.0/8', 'proto', '199');
    const socket = ns.within(() => openConnection(NETLINK_ROUTE));
    t.after(() => socket.close());
    const replies = await socket.requestOnThread(getRoutesRequest(), listing);
    assert.ok(replies.some(({ payload }) => decodeRoute(payload)?.protocol === 199));
  },
);

kernelTest('a list that changed while it was read is read again', async t => {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  // More than one read holds.
  const table = (count: number): NftTable => ({
    family: 'inet',
    name: 'torn',
    sets: [],
    chains: [
      {
        name: 'c',
        rules: Array.from({ length: count }, (_, n) => ({ expr: [{ counter: null }], comment: `rule ${n}` })),
      },
    ],
  });
  let reads = 0;
  const buffer = Buffer.alloc(DUMP_BUFFER_BYTES);
  const { comments } = ns.within(() => {
    nft.apply(replaceTable(table(1000)), 'a test');
    // What happens between two reads: the view of the first is taken.
    buffer.subarray = (...range) => {
      if (++reads === 1) nft.apply(replaceTable(table(900)), 'a test');
      return Uint8Array.prototype.subarray.apply(buffer, range) as Buffer<ArrayBuffer>;
    };
    const socket = openConnection(NETLINK_NETFILTER, { buffer });
    const replies = socket.request(getRulesRequest('inet', 'torn', 'c'), listing);
    socket.close();
    return { comments: replies.map(({ payload }) => decodeRuleComment(payload)) };
  });
  assert.deepEqual(
    comments,
    Array.from({ length: 900 }, (_, n) => `rule ${n}`),
  );
  assert.ok(reads > 2);
});

kernelTest('an answer that does not fit the buffer is an error, not half an answer', async t => {
  const ns = await Namespace.create(t);
  ns.ip('route', 'add', 'blackhole', '10.0.0.0/8');
  ns.within(() => {
    const socket = openConnection(NETLINK_ROUTE, { buffer: Buffer.alloc(24) });
    assert.throws(() => socket.request(getRoutesRequest(), listing), ChannelError);
    socket.close();
  });
});

kernelTest('a socket that is closed leaves no file descriptor', async t => {
  const ns = await Namespace.create(t);
  const before = readdirSync('/proc/self/fd').length;
  for (let n = 0; n < 100; n++) within(ns, socket => socket.request(getRoutesRequest(), listing));
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

/** Routes that take several reads to list. */
function fill(ns: Namespace): void {
  within(ns, socket => {
    for (let n = 0; n < 1000; n++)
      socket.request(newRouteRequest(blackhole(n, 199)), { op: 'adding', subject: `route ${n}` });
    return socket;
  });
}

for (const [what, limits, message] of [
  ['more messages than that', { messages: 999, ms: 10_000 }, 'there are more than 999'],
  ['longer than that', { messages: 10_000, ms: 0 }, 'no end of it in 0 ms'],
] as const) {
  kernelTest(`a list that takes ${what} is given up`, async t => {
    const ns = await Namespace.create(t);
    fill(ns);
    ns.within(() => {
      const socket = openConnection(NETLINK_ROUTE, { limits });
      assert.throws(() => socket.request(getRoutesRequest(), listing), {
        name: 'ChannelError',
        message: `listing routes: ${message}`,
      });
      socket.close();
    });
  });
}

kernelTest('messages that nobody waits for count, too', async t => {
  const ns = await Namespace.create(t);
  fill(ns);
  ns.within(() => {
    const socket = openConnection(NETLINK_ROUTE, { limits: { messages: 10, ms: 10_000 } });
    // What is left of the first list comes before the second answer.
    for (let n = 0; n < 2; n++)
      assert.throws(() => socket.request(getRoutesRequest(), listing), /there are more than 10$/);
    assert.throws(() => socket.request(getLinkRequest(1), listing), /there are more than 10$/);
    socket.close();
  });
});

kernelTest('five thousand questions in a row are each answered with their own answer', async t => {
  const ns = await Namespace.create(t);
  const index = await ns.index('lo');
  for (let n = 0; n < 5000; n++)
    assert.equal(ns.rt.link(n % 2 === 0 ? index : `nosuch${n}`)?.name, n % 2 === 0 ? 'lo' : undefined);
});

kernelTest(
  'what is asked of a closed connection is refused; closing twice takes no descriptor of others',
  async t => {
    const ns = await Namespace.create(t);
    const connection = ns.within(() => openConnection(NETLINK_ROUTE));
    const rt = new RtNetlink(connection);
    connection.close();
    const other = ns.within(() => new RtNetlink());
    t.after(() => other.close());
    connection.close();
    assert.equal(other.links().length, 1);
    const refusal = { name: 'ChannelError', message: 'listing links: the netlink socket is closed' };
    assert.throws(() => rt.links(), refusal);
    await assert.rejects(connection.requestOnThread(getLinkRequest(1), listing), ChannelError);
  },
);

kernelTest('a connection may be closed after its answer, and another opened at once', async t => {
  const ns = await Namespace.create(t);
  for (let n = 0; n < 300; n++) {
    const rt = ns.within(() => new RtNetlink());
    assert.equal(rt.links().length, 1);
    rt.close();
  }
});

kernelTest('two hundred links are listed whole', async t => {
  const ns = await Namespace.create(t);
  for (let n = 0; n < 200; n++) ns.rt.createLink({ name: `l${n}`, kind: 'ifb' });
  assert.equal(new Set(ns.rt.links().map(({ name }) => name)).size, 201);
});
