// Whatever slip a network is written with, what is found in the text covers it, unless the text is right and another network.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatPrefix, parsePrefix, prefixContains } from '../../../../src/base/ip.js';
import { meaningOf } from '../../../../src/labels/spec/misspelt.js';

const NETWORKS = [
  ...[
    '0.0.0.0/0',
    '0.0.0.0/1',
    '128.0.0.0/1',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '172.16.0.0/12',
    '192.168.1.0/24',
  ],
  ...['100.64.0.0/10', '169.254.0.0/16', '1.1.1.1/32', '203.0.113.5/32', '8.8.8.8'],
  ...[
    '::/0',
    '::/1',
    '8000::/1',
    '2000::/3',
    'fc00::/7',
    'fd00::/8',
    'a::/16',
    '2001:db8::/32',
    '64:ff9b::/96',
  ],
  ...['abcd:ef01::/32', '2001:db8:0:1::/64', '2001:db8::1', '2001:db8::1/128'],
];
/** What is typed for a character, or stands beside it. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  ...{ 0: 'oOQD', 1: 'lIi|', 2: 'zZ', 5: 'sS', 6: 'bG', 8: 'B', 9: 'gq', b: '6', d: 'cl', e: '3', f: 't' },
  '.': ',;:。·-_․ ',
  '/': '\\|-_:.⁄∕／ ',
  ':': ';.-： ',
};
const INSERTED = [...'xovgh, .;_-"\'(', '..', '//', ' / ', '::', ':::'];
const BEFORE = ['net ', 'to ', 'v6', 'ipv4:', 'cidr=', '<', 'http://'];
const BEHIND = ['', ' ', '>', 'x', ' via vpn', ':vpn', '=vpn1', ','];

const network = fc.constantFrom(...NETWORKS);
const at = (text: string): fc.Arbitrary<number> => fc.nat(text.length - 1);
const put = (text: string, i: number, one: string, length: number): string =>
  text.slice(0, i) + one + text.slice(i + length);

/** The text with a slip. */
const slips = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    at(text).chain(i => {
      const like = LOOK_ALIKES[text[i]!] ?? text[i]!;
      return fc.constantFrom(...like).map(one => put(text, i, one, 1));
    }),
    // Digits of Arabic, of Devanagari, and of full width.
    fc.tuple(at(text), fc.constantFrom(0x660, 0x966, 0xff10)).map(([i, zero]) => {
      const digit = /\d/.test(text[i]!) ? String.fromCodePoint(zero + Number(text[i])) : text[i]!;
      return put(text, i, digit, 1);
    }),
    fc.tuple(at(text), fc.constantFrom(...INSERTED)).map(([i, one]) => put(text, i, one, 0)),
    fc.constantFrom(text.replaceAll('0', 'O'), text.replaceAll('0', 'o').replaceAll('1', 'l')),
    fc
      .tuple(fc.constantFrom(...BEFORE), fc.constantFrom(...BEHIND))
      .filter(([before]) => !(before === 'v6' && text.startsWith('a')))
      .map(([before, behind]) => before + text + behind),
  );

for (const head of ['twine.route.', 'twine.routes.']) {
  test(`a network with a slip is covered by what ${head}… closes`, () => {
    fc.assert(
      fc.property(
        network.chain(meant => fc.tuple(fc.constant(meant), slips(meant))),
        ([meant, text]) => {
          if (parsePrefix(text)) return;
          const { address, length } = parsePrefix(meant)!;
          const meaning = meaningOf(head + text);
          assert.ok(meaning?.kind === 'route', `${text} is no route`);
          const isCovered = meaning.networks.some(
            found =>
              found.address.family === address.family &&
              found.length <= length &&
              prefixContains(found, address),
          );
          assert.ok(isCovered, `${text} closes ${meaning.networks.map(formatPrefix).join(' ')}`);
        },
      ),
      { numRuns: 4000 },
    );
  });
}
