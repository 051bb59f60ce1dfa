// `dwgd.forward`: which values are taken, as what, and the sentence for each that is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../../../src/base/errors.js';
import { readForwardOption } from '../../../../src/driver/spec/endpoint-options.js';
import {
  asksForAssigned,
  formatForward,
  overlaps,
  parseForwards,
} from '../../../../src/driver/spec/forwarded-ports.js';
import { anyText } from '../../../support/arbitrary.js';

for (const [text, expected] of [
  ['51413', ['51413/tcp', '51413/udp']],
  ['51413/tcp,51413/udp', ['51413/tcp', '51413/udp']],
  [' 80:8080/tcp , 5000-5009/udp', ['80:8080/tcp', '5000-5009/udp']],
  ['5000-5009:6000/tcp', ['5000-5009:6000/tcp']],
  ['7000-7000:7000/udp', ['7000/udp']],
  ['auto', []],
  ['80/tcp, auto', ['80/tcp']],
  ['1-65535', ['1-65535/tcp', '1-65535/udp']],
] as const) {
  test(`${text} is ${expected.join(' and ') || 'no port that is known before'}`, () => {
    assert.deepEqual(parseForwards(text).map(formatForward), expected);
  });
}

const RIGHT =
  'is not valid: give ports such as 51413, 51413/udp, 5000-5009 or 80:8080/tcp, separated by commas, or auto';

for (const [what, text, message] of [
  ['nothing', '', `dwgd.forward= ${RIGHT}`],
  ['a name', 'http', `dwgd.forward=http ${RIGHT}`],
  ['port 0', '0', `dwgd.forward=0 ${RIGHT}`],
  ['a port beyond the last', '65536', `dwgd.forward=65536 ${RIGHT}`],
  ['a range that goes down', '9-8', `dwgd.forward=9-8 ${RIGHT}`],
  ['a range beyond the last of the container', '100-200:65500', `dwgd.forward=100-200:65500 ${RIGHT}`],
  ['two ranges', '80-81:90-91', `dwgd.forward=80-81:90-91 ${RIGHT}`],
  ['another protocol', '80/sctp', `dwgd.forward=80/sctp ${RIGHT}`],
  ['a protocol in capitals', '80/TCP', `dwgd.forward=80/TCP ${RIGHT}`],
  ['a comma too many', '80,', `dwgd.forward= ${RIGHT}`],
  ['the assigned port twice', 'auto,auto', `dwgd.forward=auto,auto ${RIGHT}`],
  ['the assigned port for one protocol', 'auto/tcp', `dwgd.forward=auto/tcp ${RIGHT}`],
  ['an address', '10.0.0.2:80', `dwgd.forward=10.0.0.2:80 ${RIGHT}`],
  [
    'a port twice',
    '80/tcp,70-90',
    'dwgd.forward has 70-90/tcp and 80/tcp, which share ports: give each port once',
  ],
  [
    'a range that is too long to be moved',
    '1000-2000:3000/tcp',
    'dwgd.forward=1000-2000:3000/tcp moves 1001 ports: give at most 1000, or the same ports on both sides',
  ],
  [
    'more than may be moved in sum',
    '1000-1899:3000/tcp,2000-2200:5000/tcp,2000-2200:5000/udp',
    'dwgd.forward moves 1101 ports of tcp in sum: give at most 1000, or the same ports on both sides',
  ],
  [
    'too many entries',
    Array.from({ length: 65 }, (_, n) => n + 1).join(),
    'dwgd.forward has 65 entries: give at most 64',
  ],
] as const) {
  test(`${what} is refused`, () => {
    assert.throws(() => parseForwards(text), new UserError(message));
  });
}

test('any text is either ports that do not overlap and are read again as they are written, or one sentence', () => {
  const likely = fc
    .array(fc.stringMatching(/^[0-9]{1,5}(-[0-9]{1,5})?(:[0-9]{1,5})?(\/(tcp|udp))?$/), { maxLength: 4 })
    .map(parts => parts.join());
  fc.assert(
    fc.property(fc.oneof(likely, anyText(200)), text => {
      try {
        const found = parseForwards(text);
        assert.ok(found.length > 0 || asksForAssigned(text));
        if (asksForAssigned(text)) return;
        for (const [n, one] of found.entries()) {
          assert.ok(1 <= one.first && one.first <= one.last && one.last <= 65_535);
          assert.ok(1 <= one.to && one.to + one.last - one.first <= 65_535);
          assert.ok(found.slice(n + 1).every(other => !overlaps(one, other)));
        }
        assert.deepEqual(parseForwards(found.map(formatForward).join()), found);
      } catch (err) {
        assert.ok(err instanceof UserError, String(err));
        assert.match(err.message, /^dwgd\.forward.*: give /s);
      }
    }),
  );
});

test('an endpoint takes that option alone, and a value that can be read', () => {
  assert.equal(readForwardOption(), undefined);
  assert.equal(readForwardOption(new Map([['dwgd.forward', '80']])), '80');
  assert.throws(
    () => readForwardOption(new Map([['dwgd.forwards', '80']])),
    new UserError(
      'unknown option dwgd.forwards of an endpoint: dwgd.forward is the only one that an exit network takes',
    ),
  );
  assert.throws(() => readForwardOption(new Map([['dwgd.forward', 'x']])), /dwgd\.forward=x is not valid/);
});

test('the port that the provider assigns is asked for by auto alone, or beside others', () => {
  for (const text of ['auto', ' auto ', '80, auto']) assert.ok(asksForAssigned(text), text);
  for (const text of ['80', 'automatic', '']) assert.ok(!asksForAssigned(text), text);
});
