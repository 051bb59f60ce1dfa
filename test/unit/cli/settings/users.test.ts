// Users as a flag names them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePasswd, readUsers } from '../../../../src/cli/settings/users.js';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
alice:x:1000:1000:Alice,,,:/home/alice:/bin/sh
bob:x:1001:100::/home/bob:
alice:x:4000:4000::/:
+nis::::::
broken
minus:x:-1:0::/:
huge:x:4294967295:0::/:
`;

test('passwd(5) says which uid a name has, the first of a name, and nothing that is none', () => {
  assert.deepEqual(
    [...parsePasswd(PASSWD)],
    [
      ['root', 0],
      ['alice', 1000],
      ['bob', 1001],
    ],
  );
});

for (const [text, uids] of [
  ['alice', [1000]],
  ['alice,bob', [1000, 1001]],
  [' bob , 1000,alice', [1001, 1000]],
  ['5000', [5000]],
] as const) {
  test(`the users ${JSON.stringify(text)} are ${uids}`, () => {
    assert.deepEqual(readUsers(text, parsePasswd(PASSWD)), uids);
  });
}

for (const [text, message] of [
  ['carol', /^There is no user "carol" in \/etc\/passwd: give names or numbers of users$/],
  ['alice,', /^There is no user ""/],
  ['alice,carol', /^There is no user "carol"/],
  ['4294967295', /^There is no user "4294967295"/],
  ['root', /^Root's Docker is served anyway: leave root out$/],
  ['1000,0', /^Root's Docker is served anyway/],
  ['__proto__', /^There is no user "__proto__"/],
  [`x${'y'.repeat(500)}`, /^There is no user "xy{79}" /],
] as const) {
  test(`the users ${JSON.stringify(text.slice(0, 20))} are refused`, () => {
    assert.throws(() => readUsers(text, parsePasswd(PASSWD)), { name: 'RangeError', message });
  });
}
