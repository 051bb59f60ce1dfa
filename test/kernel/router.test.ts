// The router of an exit network without its tunnel: the bridge between containers, who may send what on it, and what is mended
// of what others do. Tunnels are for the laboratory.
import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendto, socket } from '../../native/libc-sockets.js';
import { parseAddress } from '../../src/base/ip.js';
import type { ExitPlace } from '../../src/control/halves.js';
import { planRouter } from '../../src/driver/router/desired-router.js';
import type { PortBinding } from '../../src/driver/router/router-tables.js';
import { type Explanation, explainPacket } from '../../src/explain/explain.js';
import { exitWayPlace, type WayPlace } from '../../src/explain/hop.js';
import { ALONE } from '../../src/explain/looking.js';
import { connectFrom, echoOn } from '../support/connections.js';
import { kernelTest, type Namespace } from '../support/namespace.js';
import { ask, askInVain, serve } from '../support/peer.js';
import { beyond, type Member, ROUTED, RouterWorld } from '../support/router-world.js';

const GATEWAY_MAC = planRouter(ROUTED, undefined, []).bridge.mac;

/** @param within seconds in which one of the echoes, of which there is one each second, has to be answered */
function reaches(from: Namespace, address: string, within = 1): boolean {
  try {
    from.exec('ping', '-c', '1', '-w', `${within}`, address);
    return true;
  } catch {
    return false;
  }
}

kernelTest(
  'containers reach each other and the gateway; the second look changes nothing',
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a] = world.members;
    for (const address of ['10.66.0.1', '10.66.0.3', 'fd66::1', 'fd66::3'])
      assert.ok(reaches(a!.ns, address), address);
    assert.deepEqual(world.router.reconcile(world.desired), []);
    assert.match(a!.ns.exec('ip', 'neigh'), new RegExp(`10.66.0.1 .* ${GATEWAY_MAC}`));
  },
  'ping',
  'nsenter',
);

kernelTest(
  'nothing goes out as long as there is no tunnel, and nothing but echoes reaches the router',
  async t => {
    const world = await RouterWorld.create(t, 1);
    const [a] = world.members;
    assert.equal(reaches(a!.ns, '192.0.2.1'), false);
    await serve(t, world as unknown as Namespace);
    assert.equal(await askInVain(a!.ns, '10.66.0.1:80'), 'nothing');
    assert.equal(await askInVain(a!.ns, '10.66.0.1:53', 'udp'), 'nothing');
    // Without the tables it would: the servers do answer.
    world.inside('nft', 'flush', 'ruleset');
    assert.equal(await ask(a!.ns, '10.66.0.1:80'), '10.66.0.2');
    world.router.reconcile(world.desired);
    assert.equal(await askInVain(a!.ns, '10.66.0.1:80'), 'nothing');
  },
  'ping',
  'nsenter',
  'nft',
);

kernelTest(
  "a container that takes another's address or link-layer address, or the gateway's, is not heard",
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a, b] = world.members;
    assert.ok(reaches(b!.ns, '10.66.0.2'));
    const mac = (port: PortBinding): string => port.mac.replaceAll(':', '');
    const arp = (sender: string, ip: string): string =>
      `ffffffffffff${mac(b!.port)}08060001080006040002${sender}${ip}${sender}${ip}`;
    // 10.66.0.2 and 10.66.0.1 are at b's; b's own frame shows that frames do arrive.
    b!.ns.ip('address', 'add', '10.66.0.9/24', 'dev', 'wg0');
    assert.equal(reachesFrom(b!.ns, '10.66.0.9', '10.66.0.2'), false);
    assert.equal(reachesFrom(b!.ns, '10.66.0.3', '10.66.0.2'), true);
    assert.ok(reaches(a!.ns, '10.66.0.1'));
    for (const ip of ['0a420002', '0a420001']) sendFrame(b!, arp(mac(b!.port), ip));
    sendFrame(b!, arp(mac(a!.port), '0a420002'));
    assert.match(a!.ns.exec('ip', 'neigh', 'show', '10.66.0.1'), new RegExp(GATEWAY_MAC));
    assert.match(world.inside('ip', 'neigh', 'show', '10.66.0.2'), new RegExp(a!.port.mac));
    // Another's link-layer address, by a frame that the bridge keeps to itself: it does not learn from it.
    sendFrame(b!, `0180c200000e${mac(a!.port)}88cc${'00'.repeat(46)}`);
    sendFrame(b!, `ffffffffffff${mac(a!.port)}9999${'00'.repeat(46)}`);
    const learnt = world.inside('bridge', 'fdb', 'show', 'br', 'br0');
    assert.doesNotMatch(learnt, new RegExp(`${a!.port.mac} dev ${b!.port.name} `));
    assert.match(learnt, new RegExp(`${a!.port.mac} dev ${a!.port.name} `));
    b!.ns.ip('link', 'set', 'wg0', 'address', a!.port.mac);
    assert.equal(reaches(b!.ns, '10.66.0.1'), false);
    assert.ok(reaches(a!.ns, '10.66.0.1'));
  },
  'ping',
  'nsenter',
  'bridge',
);

kernelTest(
  "a container that says by a neighbour advertisement that another's address is its own is not heard; of its own it is",
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a, b] = world.members;
    for (const { ns } of [a!, b!]) assert.ok(reaches(ns, 'fd66::1', 5));
    const [elsewhere, neighbour] = [
      '02:00:00:00:00:99',
      (ip: string) => world.inside('ip', 'neigh', 'show', ip),
    ];
    for (const target of ['fd66::2', 'fd66::3', 'fd66::1']) sendFrame(b!, advert(b!, target, elsewhere));
    assert.match(neighbour('fd66::3'), new RegExp(elsewhere));
    assert.match(neighbour('fd66::2'), new RegExp(a!.port.mac));
    // Nor of a's as if it were a.
    sendFrame(b!, advert({ ...b!, port: a!.port }, 'fd66::2', elsewhere));
    assert.match(neighbour('fd66::2'), new RegExp(a!.port.mac));
    assert.doesNotMatch(a!.ns.exec('ip', 'neigh', 'show', 'fd66::1'), new RegExp(elsewhere));
  },
  'ping',
  'nsenter',
);

/** The frame of a neighbour advertisement to all, which takes the place of what was known. */
function advert({ port: { mac, ipv6 } }: Member, target: string, linkLayer: string): string {
  const macBytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
  const ends = Buffer.concat([ipv6!.bytes, parseAddress('ff02::1')!.bytes]);
  const message = Buffer.concat([
    Buffer.from('8800000020000000', 'hex'),
    parseAddress(target)!.bytes,
    Buffer.from('0201', 'hex'),
    macBytes(linkLayer),
  ]);
  // RFC 4443: over a pseudo-header, too.
  const summed = Buffer.concat([ends, Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58]), message]);
  let sum = 0;
  for (let at = 0; at < summed.length; at += 2) sum += summed.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  message.writeUInt16BE(~sum & 0xffff, 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]);
  const frame = [
    macBytes('33:33:00:00:00:01'),
    macBytes(mac),
    Buffer.from('86dd', 'hex'),
    header,
    ends,
    message,
  ];
  return Buffer.concat(frame).toString('hex');
}

const [AF_PACKET, SOCK_RAW] = [17, 3];

/** A frame as it stands, out of the container. */
function sendFrame({ ns }: Member, hex: string): void {
  const { index } = ns.rt.link('wg0')!;
  ns.within(() => {
    const fd = socket(AF_PACKET, SOCK_RAW, 0);
    const to = Buffer.alloc(20);
    to.writeUInt16LE(AF_PACKET, 0);
    to.writeInt32LE(index, 4);
    sendto(fd, Buffer.from(hex, 'hex'), to, 'a frame');
    closeSync(fd);
  });
}

function reachesFrom(from: Namespace, source: string, address: string): boolean {
  try {
    from.exec('ping', '-c', '1', '-W', '1', '-I', source, address);
    return true;
  } catch {
    return false;
  }
}

kernelTest(
  'a ruleset that was flushed, a bridge that was deleted and a sysctl that was set are mended by one look',
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a] = world.members;
    const list = (): string =>
      world.inside(
        'sh',
        '-c',
        'nft list table bridge dwgd; nft list table inet dwgd; nft list tables | sort',
      );
    const listed = list();
    for (const damage of [
      'nft flush ruleset',
      'nft add rule bridge dwgd arriving accept',
      'nft delete table bridge dwgd',
      'ip link del br0',
      'ip link set br0 down',
      'ip addr flush dev br0',
      'ip route flush table main',
      'ip -6 route flush table main',
      'ip link set wg-2 nomaster',
      'ip link set wg-2 down',
      'ip link set wg-2 mtu 900',
      'sysctl -w net.ipv4.conf.all.rp_filter=0',
    ]) {
      world.inside('sh', '-c', damage);
      assert.notDeepEqual(world.router.reconcile(world.desired), [], damage);
      assert.deepEqual(world.router.reconcile(world.desired), [], `${damage}, the second time`);
      assert.equal(list(), listed, damage);
      // The kernel may take a second to see that a link's other end is up again.
      for (const address of ['10.66.0.1', '10.66.0.3', 'fd66::3'])
        assert.ok(reaches(a!.ns, address, 5), `${damage}: ${address}`);
    }
  },
  'ping',
  'nsenter',
  'nft',
  'sysctl',
);

kernelTest(
  'containers come and go without a new table; both tables are new where somebody was at one',
  async t => {
    const world = await RouterWorld.create(t, 1);
    const handles = (): (string | undefined)[] =>
      ['bridge', 'inet'].map(
        family => /# handle (\d+)/.exec(world.inside('nft', '-a', 'list', 'table', family, 'dwgd'))?.[1],
      );
    const before = handles();
    await world.join();
    assert.deepEqual(handles(), before);
    assert.match(world.inside('nft', 'list', 'set', 'bridge', 'dwgd', 'ipv6'), /"wg-3" \. \S+ \. fd66::3/);
    assert.ok(reaches(world.members[0]!.ns, 'fd66::3', 5));
    world.members.pop();
    world.router.reconcile(world.desired);
    assert.deepEqual(handles(), before);
    assert.doesNotMatch(world.inside('nft', 'list', 'table', 'bridge', 'dwgd'), /wg-3/);
    world.inside('nft', 'add', 'rule', 'inet', 'dwgd', 'forward', 'accept');
    await world.join();
    assert.notEqual(handles()[1], before[1]);
    assert.doesNotMatch(world.inside('nft', 'list', 'chain', 'inet', 'dwgd', 'forward'), /^\s*accept$/m);
  },
  'nsenter',
  'nft',
);

kernelTest(
  'without containers, when the bridge has no carrier, it comes to rest all the same',
  async t => {
    const world = await RouterWorld.create(t, 0);
    assert.notDeepEqual(world.router.reconcile(world.desired), []);
    for (const damage of ['true', 'ip link set br0 down', 'ip -6 route flush table main']) {
      world.inside('sh', '-c', damage);
      world.router.reconcile(world.desired);
      await sleep(100);
      assert.deepEqual(world.router.reconcile(world.desired), [], damage);
    }
  },
  'nsenter',
);

kernelTest(
  'packets in fragments reach a container and the gateway',
  async t => {
    const world = await RouterWorld.create(t, 2);
    const [a] = world.members;
    // 0x88 is the type of a neighbour advertisement: it is what a fragment that is not the first begins with.
    for (const to of ['10.66.0.3', '10.66.0.1', 'fd66::3', 'fd66::1'])
      a!.ns.exec('ping', '-c', '1', '-W', '5', '-s', '3000', '-p', '88', to);
  },
  'ping',
);

const ASKED = ['198.51.100.9:53', '[2001:db8:f00d::9]:53'];

kernelTest(
  'whoever a container asks the DNS, the server of the file answers in that name; other ports go where they are to',
  async t => {
    const world = await RouterWorld.create(t, 1);
    await beyond(world, ROUTED);
    const { ns } = world.members[0]!;
    // Sockets that are connected: an answer from another address than was asked would not be heard.
    for (const to of ASKED)
      for (const how of ['udp', 'tcp'] as const)
        assert.equal(await ask(ns, to, how), 'the server', `${how} ${to}`);
    assert.equal(await ask(ns, '198.51.100.9:853'), '853 10.64.0.2');
  },
  'nsenter',
  'sysctl',
);

kernelTest(
  'explain follows a packet into the router, through its rules, to the tunnel; and to nowhere where there is none',
  async t => {
    const world = await RouterWorld.create(t, 2);
    const gateways = ['10.66.0.1', 'fd66::1'].map(one => parseAddress(one)!);
    const on = { networkId: ROUTED.id, networkName: 'mullvad', driver: 'dwgd', aliases: [], gateways };
    const [one, two] = world.members.map(({ ns, port: { ipv4, ipv6 } }, n): WayPlace => {
      return { name: `c${n}`, netns: ns.ref, attachments: [{ ...on, addresses: [ipv4!, ipv6!] }] };
    });
    const [file = ''] = ROUTED.files;
    const dns = ['questions to the DNS over IPv4 go to 10.64.0.1 by the tunnel'];
    const exit: ExitPlace = {
      networkId: ROUTED.id,
      name: 'mullvad',
      file,
      gateways,
      netns: world.router.netns,
      dns,
    };
    const looking = { entry: world.entry, pause: async () => undefined, effort: ALONE };
    const way = (to: string, port?: number, place: Partial<ExitPlace> = {}): Promise<Explanation> => {
      const question = {
        to: parseAddress(to)!,
        protocol: 'udp' as const,
        ...(port !== undefined && { port }),
      };
      return explainPacket(looking, [one!, two!, exitWayPlace({ ...exit, ...place })], one!, question);
    };
    assert.equal((await way('10.66.0.3', 9)).sentence, 'reaches c1');
    const nowhere = await way('198.51.100.9', 853, { problem: 'its file is not read yet' });
    assert.equal(
      nowhere.sentence,
      'dropped: the tunnel of exit network mullvad has no way for it: its file is not read yet',
    );
    assert.deepEqual(
      [nowhere.outcome.kind, nowhere.outcome.exit, nowhere.isSure],
      ['dropped', 'mullvad', true],
    );
    await beyond(world, ROUTED);
    const { ns } = world.members[0]!;
    const out = await way('198.51.100.9', 853);
    assert.equal(out.sentence, 'goes by wg0 of router of mullvad');
    assert.ok(out.steps.some(({ kind, text }) => kind === 'dns' && text === dns[0]));
    assert.ok(out.isSure, out.sentence);
    assert.equal(await ask(ns, '198.51.100.9:853'), '853 10.64.0.2');
    // The server of the file answers, as the container sees, too.
    const question = await way('198.51.100.9', 53);
    assert.match(question.steps.map(({ text }) => text).join('\n'), /10\.64\.0\.1/);
    assert.equal(question.outcome.kind, 'tunnel');
    world.inside('sysctl', '-qw', 'net.ipv4.conf.all.forwarding=0');
    assert.equal(
      (await way('198.51.100.9', 853)).sentence,
      `dropped: exit network mullvad takes no IPv4 out: its file ${file}, or the network, has none`,
    );
    world.inside('nft', 'insert', 'rule', 'inet', 'dwgd', 'forward', 'drop');
    world.inside('sysctl', '-qw', 'net.ipv4.conf.all.forwarding=1');
    assert.match(
      (await way('198.51.100.9', 853)).sentence,
      /^dropped by rule 1 of chain inet dwgd forward of router/,
    );
    const { netns: _, ...elsewhere } = exit;
    const places = [one!, exitWayPlace({ ...elsewhere, problem: 'it is not there' })];
    const lost = await explainPacket(looking, places, one!, {
      to: parseAddress('192.0.2.9')!,
      protocol: 'icmp',
    });
    assert.match(
      lost.sentence,
      /^cannot be told: the router of exit network mullvad is not to be looked into: it is not there/,
    );
    const alone = await explainPacket(looking, [one!], one!, {
      to: parseAddress('192.0.2.9')!,
      protocol: 'icmp',
    });
    assert.match(
      alone.sentence,
      /^cannot be told: it goes to the router of exit network mullvad, which a running dwgd alone/,
    );
  },
  'nsenter',
  'sysctl',
  'nft',
);

kernelTest(
  'flows that are let go of are over: a connection is reset by what its program sends next, and new ones are made',
  async t => {
    const world = await RouterWorld.create(t, 1);
    const { other } = await beyond(world, { ...ROUTED, dns: [] });
    const { ns } = world.members[0]!;
    const heard = await echoOn(t, other, 7);
    for (const host of ['198.51.100.9', '2001:db8:f00d::9']) {
      const connection = await connectFrom(t, ns, host, 7);
      for (const word of ['one', 'two']) assert.equal(await connection.say(word), word, host);
      assert.equal(await ask(ns, ASKED[0]!, 'udp'), 'another');
      assert.deepEqual([world.flows().udp > 0, world.flows().all > 1], [true, true]);
      world.letGo();
      assert.deepEqual(world.flows(), { udp: 0, all: 0 });
      assert.equal(await connection.say('three'), 'ECONNRESET', host);
      assert.equal(await (await connectFrom(t, ns, host, 7)).say('four'), 'four', host);
    }
    assert.deepEqual(heard, ['one', 'two', 'four', 'one', 'two', 'four']);
  },
  'nsenter',
  'sysctl',
);

kernelTest(
  'with dwgd.dns=off a container asks whom it asks; with servers of one family the other is refused at once',
  async t => {
    for (const [dns, answers] of [
      [[], ['another', 'another']],
      [[parseAddress('10.64.0.1')!], ['the server', 'ECONNREFUSED']],
    ] as const) {
      await t.test(dns.length === 0 ? 'off' : 'one family', async t => {
        const world = await RouterWorld.create(t, 1);
        await beyond(world, { ...ROUTED, dns });
        const { ns } = world.members[0]!;
        for (const [n, to] of ASKED.entries())
          for (const how of ['udp', 'tcp'] as const)
            assert.equal(await ask(ns, to, how), answers[n], `${how} ${to}`);
      });
    }
  },
  'nsenter',
  'sysctl',
);

kernelTest(
  'another daemon finds the namespace as it was left, and changes no link',
  async t => {
    const world = await RouterWorld.create(t, 2);
    assert.deepEqual(world.takeOver(), { isNew: false });
    assert.deepEqual(world.router.reconcile(world.desired), [{ op: 'tables' }]);
    assert.ok(reaches(world.members[0]!.ns, '10.66.0.3'));
    assert.deepEqual(world.kept.names(), [ROUTED.id]);
  },
  'ping',
);

kernelTest(
  "a container that has left leaves no port, and a network's namespace goes with its links",
  async t => {
    const world = await RouterWorld.create(t, 2);
    const { ns } = world.members.pop()!;
    const ops = world.router.reconcile(world.desired).map(({ op }) => op);
    assert.deepEqual(ops, ['tables', 'delete-link']);
    assert.doesNotMatch(ns.ip('link'), /wg0/);
    world.router.close();
    world.kept.remove(ROUTED.id);
    assert.deepEqual(world.kept.names(), []);
    const [{ ns: first } = { ns }] = world.members;
    for (const end = Date.now() + 30_000; /wg0/.test(first.ip('link')); await sleep(50))
      assert.ok(Date.now() < end, 'the link is still there');
    // For the end of the test.
    assert.equal(world.takeOver(true).isNew, true);
  },
);
