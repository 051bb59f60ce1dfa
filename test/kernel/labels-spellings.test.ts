// What labels do as people spell them: options of iptables by their beginnings, each of which does to packets what the whole
// option does; and words that a shell or a tool was to replace, whole values in quotes: each is refused with the sentence that
// helps, and the container's other labels work.
import assert from 'node:assert/strict';
import { lineTest } from '../support/label-line.js';
import { ask, askInVain, serve, serveOn } from '../support/peer.js';

const RULE = 'twine.iptables.rule.';
const NAT = 'twine.nat.interfaces';
/** Forwarding is on, and nothing is masqueraded on the way to the server. */
const ROUTER = { [NAT]: 'wg+' };

/** All beginnings of an option from one on, itself included: `--to`, `--to-`, … */
const beginnings = (from: string, option: string): string[] =>
  Array.from({ length: option.length - from.length + 1 }, (_, n) => option.slice(0, from.length + n));

/** A label for each spelling: the rule that it makes of the n-th, which is about port 7000 + n. */
const spelt = (spellings: readonly string[], rule: (option: string, port: number) => string) =>
  Object.fromEntries(spellings.map((option, n) => [`${RULE}r${n}`, rule(option, 7000 + n)]));

for (const [target, spellings, to, served] of [
  ['DNAT', beginnings('--t', '--to-destination').slice(1), '10.9.0.3:9080', 'server'],
  ['DNAT', beginnings('--to', '--to-destination').map(one => `${one}=`), '10.9.0.3:9080', 'server'],
  ['REDIRECT', beginnings('--to', '--to-ports'), '9080', 'middle'],
  ['NETMAP', ['--to'], '10.9.0.3', 'server'],
] as const) {
  const attached = spellings[0]!.endsWith('=');
  lineTest(
    `-j ${target} takes ${spellings[0]} and every longer beginning, and forwards as the whole option does`,
    {
      ...ROUTER,
      ...spelt(
        spellings,
        (option, port) =>
          `TWINE_NAT_PREROUTING -i wg0 -p tcp --dport ${port} -j ${target} ${option}${attached ? '' : ' '}${to}`,
      ),
    },
    async ({ client, ...line }, t) => {
      const ports = spellings.map((_, n) => 7000 + n);
      await serveOn(t, line[served], target === 'NETMAP' ? ports : [9080]);
      for (const port of ports)
        assert.equal(
          await ask(client, `10.8.0.2:${port}`),
          `${target === 'NETMAP' ? port : 9080} 10.8.0.9`,
          spellings[port - 7000],
        );
      assert.equal(await ask(client, `10.8.0.2:${7000 + ports.length}`), 'ECONNREFUSED');
    },
  );
}

const TCP = '-p tcp';
/** The option's name from its shortest unambiguous beginning on, a value that fits the client's connections, and one that does not. */
const OPTIONS: readonly [from: string, option: string, fits: string, not: string, before?: string][] = [
  ['--in-', '--in-interface', 'wg0', 'eth0'],
  ['--so', '--source', '10.8.0.9', '10.8.0.8'],
  ['--sr', '--src', '10.8.0.9', '10.8.0.8'],
  ['--des', '--destination', '10.8.0.2', '10.8.0.3'],
  ['--pr', '--protocol', 'tcp', 'udp'],
  ['--sp', '--sport', '1024:', ':1023', TCP],
  ['--source-', '--source-port', '1024:', ':1023', TCP],
  ['--tcp-f', '--tcp-flags', 'SYN,ACK SYN', 'SYN,ACK ACK', TCP],
  ['--ctd', '--ctdir', 'ORIGINAL', 'REPLY', '-m conntrack'],
  ['--st', '--state', 'NEW', 'ESTABLISHED', '-m state'],
  ['--src-', '--src-range', '10.8.0.1-10.8.0.9', '10.8.0.10-10.8.0.99', '-m iprange'],
  ['--dst-', '--dst-type', 'LOCAL', 'MULTICAST', '-m addrtype'],
  ['--pk', '--pkt-type', 'unicast', 'broadcast', '-m pkttype'],
  ['--ttl-e', '--ttl-eq', '64', '63', '-m ttl'],
  ['--le', '--length', '40:100', '1000:', '-m length'],
  ['--mark', '--mark', '0', '1', '-m mark'],
  ['--dscp-', '--dscp-class', 'CS0', 'CS1', '-m dscp'],
];

for (const [from, option, fits, not, before = ''] of OPTIONS) {
  const spellings = beginnings(from, option);
  lineTest(
    `${before === '' ? '' : `${before} `}${from} and every longer beginning of ${option} fit the same packets`,
    {
      ...ROUTER,
      ...Object.fromEntries(
        [fits, not].flatMap((value, other) =>
          spellings.map((one, n) => {
            // As iptables reads them: the port's own option is not known where -p has not been.
            const condition = `${before} ${one} ${value} ${before === TCP || option === '--protocol' ? '' : TCP}`;
            return [
              `${RULE}${other}-${n}`,
              `TWINE_NAT_PREROUTING ${condition} --dport ${7000 + 100 * other + n} -j DNAT --to 10.9.0.3:9080`,
            ];
          }),
        ),
      ),
    },
    async ({ client, server }, t) => {
      await serveOn(t, server, [9080]);
      for (const [n, one] of spellings.entries()) {
        assert.equal(await ask(client, `10.8.0.2:${7000 + n}`), '9080 10.8.0.9', one);
        assert.equal(await ask(client, `10.8.0.2:${7100 + n}`), 'ECONNREFUSED', one);
      }
    },
  );
}

for (const [from, option, before] of [
  ['--dp', '--dport', TCP],
  ['--destination-', '--destination-port', TCP],
  ['--dp', '--dports', '-p tcp -m multiport'],
  ['--destination-ports', '--destination-ports', '-p tcp -m multiport'],
  ['--ctorigdstp', '--ctorigdstport', '-p tcp -m conntrack'],
] as const) {
  const spellings = beginnings(from, option);
  lineTest(
    `${before} ${from} and every longer beginning of ${option} are about that port`,
    {
      ...ROUTER,
      ...spelt(
        spellings,
        (one, port) => `TWINE_NAT_PREROUTING ${before} ${one} ${port} -j DNAT --to-dest 10.9.0.3:9080`,
      ),
    },
    async ({ client, server }, t) => {
      await serveOn(t, server, [9080]);
      for (const [n, one] of spellings.entries())
        assert.equal(await ask(client, `10.8.0.2:${7000 + n}`), '9080 10.8.0.9', one);
      assert.equal(await ask(client, `10.8.0.2:${7000 + spellings.length}`), 'ECONNREFUSED');
    },
  );
}

const REFUSED: readonly [value: string, sentence: string][] = [
  ['%i', "has wg-quick's word for its own interface in it: name the interfaces"],
  ['"%i"', "has wg-quick's word for its own interface in it: name the interfaces"],
  ['$(wg show interfaces)', 'has a command in it, and no shell runs it: give what it would print'],
  ['`wg`', 'has a command in it, and no shell runs it: give what it would print'],
  [`\${WG_IF}`, 'which nothing has replaced: give the value, or let Compose replace it'],
  ['$WG_IF', 'which nothing has replaced: give the value, or let Compose replace it'],
  [`\${WG_IF:-wg0}`, 'which nothing has replaced: give the value, or let Compose replace it'],
];

/** What is said of a label, whatever comes before and after it. */
const said = (key: string, sentence: string): RegExp =>
  new RegExp(`^middle ${key.replaceAll('.', '\\.')}: .*${sentence.replace(/[$()?]/g, '\\$&')}`);

const FORWARD = { 'twine.nat.forward.9080': 'web:80' };
/** The rule of the tests below that counts, whatever the other says. */
const KEPT = {
  [`${RULE}z`]: 'TWINE_INPUT -p tcp --dport 9090 -j REJECT --reject-with icmp-admin-prohibited',
};

for (const [value, sentence] of REFUSED) {
  const [inKey, outKey] = [`${RULE}in`, `${RULE}out`];
  lineTest(
    `a rule with -i or -o ${value} is refused with what helps, and the other labels work`,
    {
      ...FORWARD,
      ...KEPT,
      [inKey]: `TWINE_FORWARD -i ${value} -j DROP`,
      [outKey]: `TWINE_FORWARD ! --ou ${value} -j DROP`,
    },
    async ({ client, server, middle }, t) => {
      await serve(t, server);
      await serveOn(t, middle, [9090]);
      for (const to of ['10.8.0.2:9080', '[fd08::2]:9080'])
        assert.match(await ask(client, to), /^(10\.9\.0\.2|fd09::2)$/);
      assert.equal(await ask(client, '10.8.0.2:9090'), 'EHOSTUNREACH');
    },
    [said(inKey, sentence), said(outKey, sentence)],
  );
}

for (const [value, sentence] of [
  ...REFUSED,
  ['true', '"true" says only whether: name the interfaces, such as eth0,wg+; + alone is all of them'],
  ['wg+,True', '"True" says only whether: name the interfaces'],
  ['false', '"false" says only whether: name the interfaces'],
  ['all', 'did you mean +, which is all of them?'],
  ['"wg+"', 'take the quotes away and give wg+'],
  ["eth0,'wg+'", 'take the quotes away and give eth0,wg+'],
  ['"eth0", "wg+"', 'take the quotes away and give eth0, wg+'],
  ['["eth0","wg+"]', 'take the quotes away and give eth0,wg+'],
  ['“eth0”,wg+', 'take the quotes away and give eth0,wg+'],
] as const) {
  lineTest(
    `${NAT}=${value} is refused with what helps: nothing is forwarded but what the other labels translate`,
    { [NAT]: value, ...FORWARD, ...KEPT },
    async ({ client, server, middle }, t) => {
      await serve(t, server);
      await serveOn(t, middle, [9090]);
      assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
      assert.equal(await ask(client, '[fd08::2]:9080'), 'fd09::2');
      assert.equal(await ask(client, '10.8.0.2:9090'), 'EHOSTUNREACH');
      for (const to of ['10.9.0.3:80', '[fd09::3]:80'])
        assert.equal(await askInVain(client, to), 'nothing', to);
    },
    [said(NAT, sentence.replaceAll('+', '\\+'))],
  );
}

for (const [key, value, sentence] of [
  ['twine.nat.forward.81', '"web":80', 'take the quotes away and give web:80'],
  ['twine.nat.forward.81/tcp,udp', "'web:80'", 'take the quotes away and give web:80'],
  ['twine.nat.forward.81', '“web”:80', 'take the quotes away and give web:80'],
  ['twine.nat.forward.81', 'web:$PORT', 'which nothing has replaced'],
  ['twine.nat.forward.81', '$(hostname):80', 'has a command in it'],
  ['twine.nat.forward.81', 'true', '"true" says only whether: name the destination'],
  [`${RULE}a`, '"TWINE_NAT_PREROUTING -p tcp --dport 81 -j REDIRECT --to 9090"', 'take the quotes away'],
] as const) {
  lineTest(
    `${key}=${value} is refused with what helps: that port is forwarded nowhere, and the others are`,
    { ...FORWARD, [key]: value },
    async ({ client, server, middle }, t) => {
      await serve(t, server);
      await serveOn(t, middle, [9090]);
      assert.equal(await ask(client, '10.8.0.2:81'), 'ECONNREFUSED');
      assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
    },
    [said(key, sentence)],
  );
}
