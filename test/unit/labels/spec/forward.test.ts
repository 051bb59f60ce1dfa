// The label of a forward: ports, ranges, lists and protocols, and the right spelling of what is nearly one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../../../src/base/errors.js';
import { forwardSubject, forwardTarget, parseForward } from '../../../../src/labels/spec/forward.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { anyText } from '../../../support/arbitrary.js';

const read = (name: string, value = 'web'): string[] =>
  parseForward('key', name, value).map(forward => `${forwardSubject(forward)} → ${forwardTarget(forward)}`);

for (const [name, value, expected] of [
  ['6881-6889', 'web', ['+ 6881-6889/tcp → web:6881-6889']],
  ['6881-6889/udp', 'web:7881-7889', ['+ 6881-6889/udp → web:7881-7889']],
  ['7881-7889', '10.0.0.3:6881-6889', ['+ 7881-7889/tcp → 10.0.0.3:6881-6889']],
  ['1-65535', '[fd00::3]', ['+ 1-65535/tcp → [fd00::3]:1-65535']],
  ['80-80', 'web', ['+ 80/tcp → web:80']],
  ['80,443', 'web', ['+ 80/tcp → web:80', '+ 443/tcp → web:443']],
  ['80, 443', 'web: 8080, 8443', ['+ 80/tcp → web:8080', '+ 443/tcp → web:8443']],
  ['80,6881-6889', '[fd00::3]:81,1-9', ['+ 80/tcp → [fd00::3]:81', '+ 6881-6889/tcp → [fd00::3]:1-9']],
  ['7881/tcp,udp', 'web', ['+ 7881/tcp → web:7881', '+ 7881/udp → web:7881']],
  ['7881/udp,udp', 'web', ['+ 7881/udp → web:7881']],
  ['80/tcp,53/udp', 'web:81,54', ['+ 80/tcp → web:81', '+ 53/udp → web:54']],
  [
    '53/tcp,udp,80,443',
    'web',
    ['+ 53/tcp → web:53', '+ 53/udp → web:53', '+ 80/tcp → web:80', '+ 443/tcp → web:443'],
  ],
  ['eth0.100.80,443/udp', 'web', ['eth0.100 80/udp → web:80', 'eth0.100 443/udp → web:443']],
  ['81', 'web:8080/tcp', ['+ 81/tcp → web:8080']],
  ['53', 'dns:53/udp', ['+ 53/udp → dns:53']],
  ['53', 'dns/udp', ['+ 53/udp → dns:53']],
  ['53/udp', '[fd00::3]:54/udp', ['+ 53/udp → [fd00::3]:54']],
  ['80', 'web1,web2', ['+ 80/tcp → web1,web2:80']],
  ['80', 'web1,web2:8080', ['+ 80/tcp → web1,web2:8080']],
  ['80', 'web1:8080,web2:8080', ['+ 80/tcp → web1,web2:8080']],
  [
    '80,443',
    'web1:81,444,web2,host-gateway/tcp',
    ['+ 80/tcp → web1,web2,host-gateway:81', '+ 443/tcp → web1,web2,host-gateway:444'],
  ],
  ['80', '[fd00::3]:81,10.0.0.3', ['+ 80/tcp → [fd00::3],10.0.0.3:81']],
  ['80', 'host-gateway:8080', ['+ 80/tcp → host-gateway:8080']],
  ['53', 'fd00::3/udp', ['+ 53/udp → [fd00::3]:53']],
  ['80', 'web:8080,keep', ['+ 80/tcp → web:8080,keep']],
  ['80', 'web , masquerade', ['+ 80/tcp → web:80,masquerade']],
  ['53', 'dns:53/udp,keep', ['+ 53/udp → dns:53,keep']],
  ['80,443', 'web:81,444,keep', ['+ 80/tcp → web:81,keep', '+ 443/tcp → web:444,keep']],
  ['80', '[fd00::3]:81,web2,keep', ['+ 80/tcp → [fd00::3],web2:81,keep']],
  ['80', 'keeper,dnsmasq', ['+ 80/tcp → keeper,dnsmasq:80']],
  ['80', 'keep:80', ['+ 80/tcp → keep:80']],
  ['80', 'web.keep', ['+ 80/tcp → web.keep:80']],
] as const) {
  test(`twine.nat.forward.${name}=${value} is read`, () => assert.deepEqual(read(name, value), expected));
}

for (const [name, value, message] of [
  ['80', 'keep', /give the destination before it, such as web:80,keep$/],
  ['wg0.80.tcp', 'web', /"tcp" is not a port: did you mean "wg0\.80\/tcp"\?/],
  ['wg0.80,443.UDP', 'web', /did you mean "wg0\.80,443\/udp"\?/],
  ['80', 'web:80,KEEP', /did you mean web:80,keep\?/],
  ['80', 'web:80,kept', /did you mean web:80,keep\?/],
  ['80', 'web:80,keep-source', /did you mean web:80,keep\?/],
  ['80', 'web:80,no-masquerade', /did you mean web:80,keep\?/],
  ['80', 'web:80,masq', /did you mean web:80,masquerade\?/],
  ['80', 'web:80,maskerade', /did you mean web:80,masquerade\?/],
  ['80', 'web:80,snat', /did you mean web:80,masquerade\?/],
  ['80', 'web:80 keep', /did you mean web:80,keep\?/],
  ['80', 'web:80;keep', /did you mean web:80,keep\?/],
  ['80', 'web:80/keep', /did you mean web:80,keep\?/],
  ['80', 'web:keep', /did you mean web,keep\?/],
  ['80', 'web:80,keep,masquerade', /give one of keep and masquerade, at the end/],
  ['80', 'keep,web:80', /put it last, as in web:80\/tcp,keep/],
  ['80', 'web:80,keep/tcp', /put it last, as in web:80\/tcp,keep/],
  ['6881:6889', 'web', /write 6881-6889; .*stands in the value, as web:6889/],
  ['80:8080', 'web', /write 80-8080; .*as web:8080/],
  ['6891:6893/udp', 'web', /write 6891-6893;/],
  ['6881..6889', 'web', /did you mean "6881-6889"\?/],
  ['80.443', 'web', /did you mean "80,443"\?/],
  ['6881_6889', 'web', /did you mean 6881-6889\?/],
  ['6881–6889', 'web', /did you mean 6881-6889\?/],
  ['6881 to 6889', 'web', /did you mean 6881-6889\?/],
  ['6889-6881', 'web', /did you mean 6881-6889\?/],
  ['080', 'web', /did you mean 80\?/],
  ['80;443', 'web', /did you mean 80,443\?/],
  ['80 443', 'web', /did you mean 80,443\?/],
  ['80,443,', 'web', /a comma too many: did you mean "80,443"\?/],
  ['80tcp', 'web', /did you mean 80\/tcp\?/],
  ['80.udp', 'web', /did you mean 80\/udp\?/],
  ['80-udp', 'web', /did you mean 80\/udp\?/],
  ['*', 'web', /every port is 1-65535/],
  ['0', 'web', /"0" is not a port: give a whole number/],
  ['65536', 'web', /"65536" is not a port/],
  ['1-65536', 'web', /"1-65536" is not a port/],
  ['1-2-3', 'web', /"1-2-3" is not a port/],
  ['-', 'web', /is not a port/],
  ['80/tcp+udp', 'web', /did you mean tcp,udp\?/],
  ['80/both', 'web', /did you mean tcp,udp\?/],
  ['80/any', 'web', /did you mean tcp,udp\?/],
  ['80/tcpp', 'web', /did you mean tcp\?/],
  ['80/', 'web', /give tcp or udp, or both as tcp,udp/],
  ['80/sctp', 'web', /is not a protocol/],
  ['eth0.80,eth1.443', 'web', /a label of its own/],
  ['81/tcp', 'web:8080/udp', /the destination is udp and the port tcp/],
  ['81/tcp,udp', 'web:8080/udp', /the destination is udp and the port tcp/],
  ['80', 'web/8080', /did you mean "web:8080"\?/],
  ['80', 'fd00::3/64', /did you mean "fd00::3"\?/],
  ['6881-6889', 'web:80', /6881-6889 are 9 ports and 80 of the destination is 1: .* such as "web:80-88"/],
  ['6881-6889', 'web:7881-7888', /are 9 ports and 7881-7888 of the destination are 8: .* "web:7881-7889"/],
  ['6881-6889', 'web:65530', /such as "web:6881-6889"/],
  ['80', 'web:80-81', /80 is 1 port and 80-81 of the destination are 2: .* such as "web:80"/],
  ['80,443', 'web:8080', /80,443 are 2 ports and 8080 of the destination is 1/],
  ['80-81,443', 'web:1,2-3', /range for range/],
  ['80', 'web:', /"" is not a port/],
  ['80', 'unreachable', /a forward leads somewhere: leave the label out/],
  ['80', 'web,', /a comma too many: did you mean "web"\?/],
  ['80', 'web1:80,web2:81', /ports of their own \(80 and 81\): give all the same ones/],
  ['80', 'web,unreachable', /has unreachable beside others: leave it out/],
  [Array.from({ length: 65 }, (_, n) => n + 1).join(','), 'web', /the list has 65 parts: give at most 64/],
] as const) {
  test(`twine.nat.forward.${name.slice(0, 30)}=${value} gets the right spelling`, () => {
    assert.throws(
      () => parseForward('key', name, value),
      (err: unknown) => err instanceof UserError && message.test(err.message),
    );
  });
}

test('of a list one port of which another label has, the others count, and the one is told', () => {
  const labels = { 'twine.nat.forward.80': 'web', 'twine.nat.forward.80,443/tcp': 'db' };
  const { intent, diagnostics } = decodeLabels('c', new Map(Object.entries(labels)));
  assert.deepEqual(
    intent.forwards.map(forward => `${forwardSubject(forward)} → ${forwardTarget(forward)}`),
    ['+ 80/tcp → web:80', '+ 443/tcp → db:443'],
  );
  assert.match(diagnostics[0]!.message, /means the same as twine\.nat\.forward\.80, which leads to web:80/);
  assert.deepEqual([diagnostics.length, intent.mistaken], [1, ['twine.nat.forward.80,443/tcp']]);
});

test('a container forwards at most 1024 ports and ranges, and the label beyond is told', () => {
  const ports = (n: number): string => Array.from({ length: 32 }, (_, i) => 1000 * (n + 1) + 2 * i).join(',');
  const labels = Array.from(
    { length: 17 },
    (_, n) => [`twine.nat.forward.${ports(n)}/tcp,udp`, 'web'] as const,
  );
  const { intent, diagnostics } = decodeLabels('c', new Map(labels));
  assert.deepEqual([intent.forwards.length, diagnostics.length], [1024, 1]);
  assert.match(diagnostics[0]!.message, /forwards more than 1024 ports and ranges/);
});

const port = fc.integer({ min: 1, max: 65535 });
const range = fc
  .tuple(port, fc.nat(9999))
  .map(([first, more]) => ({ first, last: Math.min(65535, first + more) }));

test('ranges and lists say what they are made of, with as many ports at the destination', () => {
  const parts = fc.uniqueArray(fc.tuple(range, fc.nat(65535)), {
    minLength: 1,
    maxLength: 20,
    selector: ([r]) => r.first,
  });
  fc.assert(
    fc.property(parts, fc.subarray(['tcp', 'udp'], { minLength: 1 }), (parts, protocols) => {
      const text = ({ first, last }: { first: number; last: number }): string =>
        first === last ? `${first}` : `${first}-${last}`;
      const to = parts.map(([{ first, last }, shift]) => {
        const begin = 1 + (shift % (65535 - (last - first)));
        return { first: begin, last: begin + last - first };
      });
      const from = parts.map(([range]) => text(range));
      const found = read(`wg+.${from.join(',')}/${protocols.join(',')}`, `web:${to.map(text).join(',')}`);
      const expected = from.flatMap((range, n) =>
        protocols.map(protocol => `wg+ ${range}/${protocol} → web:${text(to[n]!)}`),
      );
      assert.deepEqual(found, expected);
    }),
  );
});

test('a sentence about many ports is no longer than one about a few', () => {
  const many = Array.from({ length: 60 }, (_, n) => 40_000 + 2 * n).join(',');
  for (const [name, value] of [
    ['80,81', `web:${many}`],
    ['80,81', `a:${many},b:${many},1`],
    [many.replaceAll(',', ' '), 'web'],
  ] as const)
    assert.throws(
      () => parseForward('key', name, value),
      (err: unknown) => err instanceof UserError && err.message.length < 500,
    );
});

test('any text is a forward or refused with a sentence', () => {
  const text = fc.oneof(anyText(40), fc.stringMatching(/^[0-9a-z.,:/\- ]{0,30}$/));
  const count = { read: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof(text, fc.constantFrom('80', '1-9', '80,81/udp')), text, (name, value) => {
      try {
        parseForward('key', name, value);
        count.read++;
      } catch (err) {
        assert.ok(err instanceof UserError, String(err));
        count.refused++;
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(count.read > 20 && count.refused > 20, JSON.stringify(count));
});
