// Text that others chose: bounded, on one line, and nothing in it that is not seen, wherever it is printed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { messageOf, UserError } from '../../../src/base/errors.js';
import { formatLine } from '../../../src/base/log.js';
import { excerpt, oneLine, truncate } from '../../../src/base/text.js';
import { anyText } from '../../support/arbitrary.js';

const KIB = 1024;
const any = anyText(3000);
/** Without halves of surrogates, which no bytes stand for. */
const wellFormed = anyText().map(text => Buffer.from(text).toString());
const line = (msg: string, value: unknown): string =>
  formatLine(JSON.stringify({ level: 50, time: '2030-01-01T00:00:00.000Z', msg, value }), true);

for (const [name, text, shown] of [
  ['a word', 'wg0', 'wg0'],
  ['an umlaut', 'Zürich', 'Zürich'],
  ['two lines', 'one\r\n   two', 'one two'],
  ['a line of somebody else', 'x\n<3>root logged in', 'x <3>root logged in'],
  ['a command for the terminal', 'a\u001b[2Jb', 'a [2Jb'],
  ['text that runs backwards', 'a\u202eb', 'a\\u{202e}b'],
  ['an isolate', 'a\u2066b\u2069', 'a\\u{2066}b\\u{2069}'],
  ['a space of no width', 'ro\u200bot', 'ro\\u{200b}ot'],
  ['a soft hyphen', 'ro\u00adot', 'ro\\u{ad}ot'],
  ['a byte order mark', '\ufeffroot', '\\u{feff}root'],
  ['a filler', 'ro\u3164ot', 'ro\\u{3164}ot'],
  ['a tag of plane 14', 'a\u{e0041}', 'a\\u{e0041}'],
  ['a separator of lines', 'a\u2028b', 'a\\u{2028}b'],
  ['a separator of paragraphs', 'a\u2029b', 'a\\u{2029}b'],
  ['a character of private use', 'a\ue000', 'a\\u{e000}'],
  ['half a character', 'a\ud800b', 'a\\u{d800}b'],
] as const) {
  test(`${name} in a message is printed as ${shown}`, () => {
    assert.equal(messageOf(new UserError(text)), shown);
    assert.ok(line(text, '').startsWith(`<3>${shown} `));
  });
}

test('a value in the log hides nothing either', () => {
  assert.equal(line('x', 'a\u202eb\u{e0041}'), '<3>x value="a\\u202eb\\udb40\\udc41"\n');
});

test('whatever was thrown, its message is at most 1 KiB and has nothing that is not seen', () => {
  fc.assert(
    fc.property(any, fc.nat(5), (text, times) => {
      const message = messageOf(new Error(text.repeat(times)));
      assert.ok(Buffer.byteLength(message) <= KIB);
      assert.doesNotMatch(message, /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
    }),
  );
});

test('what a message is does not depend on what comes after its first 1 KiB', () => {
  fc.assert(
    fc.property(fc.string({ minLength: KIB, maxLength: KIB }), any, any, (begin, a, b) => {
      assert.equal(messageOf(`${begin}${a}.`), messageOf(`${begin}${b}.`));
    }),
  );
});

for (const [name, text] of [
  ['white space', ' '.repeat(60_000)],
  ['lines', '\n'.repeat(60_000)],
  ['invisible characters', '\u{e0041}'.repeat(60_000)],
  ['quotes', '"'.repeat(60_000)],
] as const) {
  test(`a line of the log with ${name} without end is at most 8 KiB, and still one`, () => {
    for (const written of [line(text, 'x'), line('x', text), line(text, text), line('x', { text })]) {
      assert.ok(Buffer.byteLength(written) <= 8 * KIB);
      assert.match(written, /^<3>[^\n]*\n$/);
    }
  });
}

test('a long message leaves room for the field beside it', () => {
  assert.match(line('x'.repeat(60_000), 'wg0'), /x… value=wg0\n$/);
});

test('a text is cut between characters, and says so', () => {
  fc.assert(
    fc.property(wellFormed, fc.integer({ min: 3, max: 40 }), (text, max) => {
      const cut = truncate(text, max);
      assert.ok(Buffer.byteLength(cut) <= max);
      if (cut !== text) assert.ok(cut.endsWith('…') && text.startsWith(cut.slice(0, -1)));
      assert.equal(cut === text, Buffer.byteLength(text) <= max);
    }),
  );
});

test('a message quotes at most 80 characters of a text', () => {
  assert.equal(excerpt('x'.repeat(81)), `${'x'.repeat(80)}…`);
  assert.equal(excerpt('x'.repeat(80)), 'x'.repeat(80));
});

test('a line that was cut ends with …', () => {
  assert.equal(oneLine('one two three', 10), 'one two…');
  assert.equal(oneLine(`one${'\n'.repeat(20)}`, 10), 'one …');
});
