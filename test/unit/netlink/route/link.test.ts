// Links: what ip(8) sends for the same, what the kernel answers, and names that are none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../../src/base/errors.js';
import { attr } from '../../../../src/netlink/attributes.js';
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  readErrno,
} from '../../../../src/netlink/message.js';
import {
  decodeLink,
  deleteLinkRequest,
  getLinkRequest,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  isLinkName,
  newLinkRequest,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
  setLinkRequest,
} from '../../../../src/netlink/route/link.js';
import { golden, replies, request, type Tree, tree } from '../../../support/golden.js';

const NAME = 'wg-0123456789ab';
const GROUP = 0x64776764;
/** struct ifinfomsg comes first. */
const attributes = (payload: Buffer): Tree => tree(payload.subarray(16), { [IFLA_LINKINFO]: {} });

test('a new link is what ip(8) sends, but for the order and NLA_F_NESTED', () => {
  const theirs = request(
    golden('link', `ip link add ${NAME} mtu 1380 group ${GROUP} type wireguard`),
    RTM_NEWLINK,
  );
  const ours = newLinkRequest({ name: NAME, kind: 'wireguard', mtu: 1380, group: GROUP });
  assert.equal(ours.flags | NLM_F_REQUEST | NLM_F_ACK, theirs.flags);
  assert.deepEqual(ours.payload.subarray(0, 16), theirs.payload.subarray(0, 16));
  assert.deepEqual(attributes(ours.payload), attributes(theirs.payload));
});

test('a new link without MTU and group leaves both to the kernel', () => {
  const theirs = request(golden('link', `ip link add ${NAME} type wireguard`), RTM_NEWLINK);
  const ours = newLinkRequest({ name: NAME, kind: 'wireguard' });
  assert.deepEqual(attributes(ours.payload), attributes(theirs.payload));
});

/** ip(8) looks the index up and gives that; we give the name. */
const named: Tree = [[IFLA_IFNAME, Buffer.from(`${NAME}\0`).toString('hex')]];
for (const [command, change] of [
  ['up', { up: true }],
  ['down mtu 1400', { up: false, mtu: 1400 }],
] as const) {
  test(`a link is set ${command} by the flags and attributes of ip(8)`, () => {
    const theirs = request(golden('link', `ip link set dev ${NAME} ${command}`), RTM_NEWLINK);
    const ours = setLinkRequest(NAME, change);
    assert.equal(ours.type, RTM_SETLINK);
    assert.deepEqual(ours.payload.subarray(8, 16), theirs.payload.subarray(8, 16));
    assert.deepEqual(attributes(ours.payload), [...named, ...attributes(theirs.payload)]);
  });
}

test('a link is moved by the file descriptor of its new namespace', () => {
  const theirs = request(golden('link', 'ip link set dev moved0 netns remote'), RTM_NEWLINK);
  const ours = setLinkRequest('moved0', { netnsFd: 4 });
  assert.equal(ours.payload.readUInt32LE(12), 0, 'no flag is to change');
  const [, ...rest] = attributes(ours.payload);
  assert.deepEqual(rest, attributes(theirs.payload));
  assert.equal(rest[0]![0], IFLA_NET_NS_FD);
});

test('a link is deleted by its name', () => {
  const { type, payload } = deleteLinkRequest(NAME);
  assert.equal(type, request(golden('link', 'ip link del gone0'), RTM_DELLINK).type);
  assert.deepEqual(attributes(payload), named);
});

test('a link is deleted by its index as ip(8) does, and then by no name', () => {
  const theirs = request(golden('link', 'ip link del gone0'), RTM_DELLINK);
  const { payload } = deleteLinkRequest(theirs.payload.readInt32LE(4));
  assert.deepEqual(payload.subarray(0, 8), theirs.payload.subarray(0, 8));
  assert.deepEqual(attributes(payload), []);
});

test('a new link is made in another namespace by its file descriptor', () => {
  const ours = newLinkRequest({ name: NAME, kind: 'wireguard', netnsFd: 4 });
  const [moved] = attributes(setLinkRequest(NAME, { netnsFd: 4 }).payload).filter(
    ([type]) => type === IFLA_NET_NS_FD,
  );
  assert.deepEqual(
    attributes(ours.payload).filter(([type]) => type === IFLA_NET_NS_FD),
    [moved],
  );
});

test('links are asked for by name, by index, or all', () => {
  const theirs = request(golden('link', `ip link show dev ${NAME}`), RTM_GETLINK);
  const byName = getLinkRequest(NAME);
  // IFLA_EXT_MASK, which ip(8) adds, asks for more than we read.
  assert.deepEqual(
    attributes(byName.payload),
    attributes(theirs.payload).filter(([type]) => type === IFLA_IFNAME),
  );
  assert.equal(getLinkRequest(7).payload.readInt32LE(4), 7);
  assert.equal(getLinkRequest().flags, NLM_F_DUMP);
});

const MADE = {
  index: 4,
  name: NAME,
  kind: 'wireguard',
  up: false,
  ignoresNextHop: 'POINTOPOINT',
  mtu: 1380,
  group: GROUP,
};

test('a WireGuard link is read', () => {
  const [reply] = replies(golden('link', `ip link show dev ${NAME}`));
  assert.deepEqual(decodeLink(reply!.payload), MADE);
});

test('all links of a namespace are read, those without a kind too', () => {
  const links = replies(golden('link', 'ip link show')).filter(({ type }) => type === RTM_NEWLINK);
  assert.deepEqual(
    links.map(({ payload }) => decodeLink(payload)),
    [
      { index: 1, name: 'lo', up: false, mtu: 65536, group: 0 },
      { index: 2, name: 'dev1', kind: 'veth', mac: '26:e0:92:c6:8d:5c', up: true, mtu: 1500, group: 0 },
      { index: 3, name: 'dev0', kind: 'veth', mac: 'b2:5d:c3:cb:7d:e4', up: true, mtu: 1500, group: 0 },
      MADE,
    ],
  );
});

for (const [command, errno] of [
  [`ip link add ${NAME} type wireguard`, 17],
  ['ip link add any0 type nosuchkind', 95],
  ['ip link show dev nosuch', 19],
  ['ip link set dev nosuch up', 19],
  ['ip link del gone0', 0],
] as const) {
  test(`the kernel's answer to "${command}" is errno ${errno}`, () => {
    assert.equal(
      readErrno(replies(golden('link', command)).find(({ type }) => type === NLMSG_ERROR)!),
      errno,
    );
  });
}

test('a link without a name, or cut short, is refused', () => {
  assert.throws(() => decodeLink(Buffer.alloc(15)), DecodeError);
  assert.throws(() => decodeLink(Buffer.alloc(16)), DecodeError);
});

for (const name of ['wg0', 'a', 'exactly15bytes_', 'br-1.2', 'ü', 'eth0@x']) {
  test(`${name} is a name for a link`, () => assert.equal(isLinkName(name), true));
}

for (const name of ['', '.', '..', 'sixteen-bytes-00', 'a/b', 'a:b', 'a b', 'a\tb', 'a\0b', 'üüüüüüüü']) {
  test(`${JSON.stringify(name)} is no name for a link`, () => assert.equal(isLinkName(name), false));
}

/** A link as the kernel would tell of it, whatever its name. */
const told = (name: Buffer): Buffer => Buffer.concat([Buffer.alloc(16), attr(IFLA_IFNAME, name)]);

for (const name of [
  '../../../../../tmp',
  '..',
  '.',
  '',
  '\0eth0',
  'a/b',
  'a:b',
  'a b',
  'a\tb',
  'a\u00a0b',
  'sixteen-bytes-00',
]) {
  test(`a link that is told to be called ${JSON.stringify(name)} is none`, () => {
    assert.throws(() => decodeLink(told(Buffer.from(`${name}\0`, 'latin1'))), DecodeError);
  });
}

for (const name of ['wg0', 'exactly15bytes_', 'a=b', '\u0001', '\u00ff']) {
  test(`a link that the kernel can call ${JSON.stringify(name)} is read`, () => {
    const bytes = Buffer.from(name, 'latin1');
    assert.equal(decodeLink(told(bytes)).name, bytes.toString());
  });
}

test('a change that names nothing changes nothing', () => {
  const { payload } = setLinkRequest(NAME, {});
  assert.deepEqual([payload.readUInt32LE(8), payload.readUInt32LE(12)], [0, 0]);
  assert.equal(setLinkRequest(NAME, { up: true }).payload.readUInt32LE(12), IFF_UP);
  assert.deepEqual(attributes(setLinkRequest(NAME, { mtu: 9000 }).payload).at(-1), [IFLA_MTU, '28230000']);
});
