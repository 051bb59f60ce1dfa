// The text of /proc/PID/mountinfo: which mount is of which file system.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMount, mountsOfDevice, parseMountId } from '../../../../src/driver/users/mountinfo.js';

for (const [what, line, expected] of [
  [
    'without optional fields',
    '22 28 0:21 / /proc rw,nosuid - proc proc rw',
    { device: '0:21', point: '/proc', type: 'proc' },
  ],
  [
    'with two optional fields',
    '28 1 254:1 / / rw shared:1 master:2 - ext4 /dev/vda1 rw',
    { device: '254:1', point: '/', type: 'ext4' },
  ],
  [
    'whose source is called like another type',
    '22 28 0:21 / /a\\040-\\040tmpfs rw - fuse.x -\\040tmpfs rw',
    { device: '0:21', point: '/a\\040-\\040tmpfs', type: 'fuse.x' },
  ],
] as const) {
  test(`a mount ${what} is read`, () => {
    const text = `1 1 9:9 / / rw - ext4 x rw\n${line}\n222 28 9:9 / / rw - ext4 x rw\n`;
    assert.deepEqual(findMount(text, line.split(' ')[0]!), expected);
    assert.deepEqual(mountsOfDevice(text, expected.device), [expected]);
  });
}

for (const line of [
  '',
  '22 28 0:21 / /proc rw,nosuid',
  'x 28 0:21 / /proc rw - proc proc rw',
  '22 28 0:21 / - ',
]) {
  test(`the line ${JSON.stringify(line)} is no mount`, () => {
    assert.equal(findMount(`${line}\n`, '22'), undefined);
    assert.deepEqual(mountsOfDevice(`${line}\n`, '0:21'), []);
  });
}

for (const [text, id] of [
  ['pos:\t0\nflags:\t02000000\nmnt_id:\t36\nino:\t1\n', '36'],
  ['pos:\t0\n', ''],
  ['mnt_id:\tx\n', ''],
] as const) {
  test(`the mount of a descriptor with ${JSON.stringify(text)} is ${JSON.stringify(id)}`, () => {
    assert.equal(parseMountId(text), id);
  });
}

for (const id of ['', '2', '.*', '22 28']) {
  test(`there is no mount ${JSON.stringify(id)}`, () => {
    assert.equal(findMount('22 28 0:21 / /proc rw - proc proc rw\n', id), undefined);
  });
}
