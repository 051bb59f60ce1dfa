// Readers of what Docker and its users tell the driver: bodies of HTTP, options, files of users, rows of the database; and
// flags.
import assert from 'node:assert/strict';
import { DecodeError, UserError } from '../../src/base/errors.js';
import { parseAddress, parsePrefix } from '../../src/base/ip.js';
import { fromGoFlags, readGoBoolean } from '../../src/cli/settings/go-flags.js';
import { parsePasswd, readUsers } from '../../src/cli/settings/users.js';
import { INTERFACE_KEYS, PEER_KEYS } from '../../src/driver/exit/file-keys.js';
import { readTunnelFile } from '../../src/driver/exit/read-tunnel-file.js';
import { MAX_REMARKS } from '../../src/driver/exit/tunnel-file.js';
import { decodeMapping } from '../../src/driver/natpmp/mapping-message.js';
import { isExit, parseExitOptions } from '../../src/driver/spec/exit-options.js';
import { formatHostPort, parseHostPort } from '../../src/driver/spec/host-port.js';
import { OPTIONS } from '../../src/driver/spec/option-table.js';
import { parseOptions } from '../../src/driver/spec/options.js';
import {
  readCreateEndpoint,
  readCreateNetwork,
  readEndpoint,
  readJoin,
  readNetworkRequest,
} from '../../src/driver/spec/protocol.js';
import {
  CLIENT_COLUMNS,
  type ClientRow,
  clientRow,
  readClientRow,
} from '../../src/driver/store/client-row.js';
import { exitRow, readExitRow } from '../../src/driver/store/exit-row.js';
import {
  NETWORK_COLUMNS,
  type NetworkRow,
  networkRow,
  readNetworkRow,
} from '../../src/driver/store/network-row.js';
import { findMount, mountsOfDevice, parseMountId } from '../../src/driver/users/mountinfo.js';
import { ofBytes, ofJson, ofText, type Target } from './target.js';

const OPTION_NAMES = OPTIONS.map(({ name }) => name);
const USER = { throws: [UserError] } as const;
const BODY_WORDS = [
  ...['NetworkID', 'EndpointID', 'Options', 'com.docker.network.generic', 'IPv4Data', 'IPv6Data', 'Pool'],
  ...['Gateway', 'Interface', 'Address', 'AddressIPv6', 'MacAddress', 'com.docker.network.portmap'],
  ...['SandboxKey', '10.0.0.0/24', 'fd00::1/64'],
];
const OPTION_WORDS = [
  ...OPTION_NAMES,
  'fd00::/8',
  '10.1.0.0/16',
  ',',
  '[fd00::1]:51820',
  'wg0',
  'example.org:1',
  '/etc/dwgd/a.conf,/b.conf',
];
/** A key that is in no corpus but this target's: none of it may be in a sentence. */
const SECRET = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const SECRET_PART = 16;
const FILE_WORDS = [
  ...[...INTERFACE_KEYS.values(), ...PEER_KEYS.values()].map(({ name }) => `\n${name} = `),
  ...['[Interface]\n', '[Peer]\n', 'PostUp = ', '#', '\r\n', '\ufeff', SECRET, SECRET.slice(20)],
  ...['0.0.0.0/0, ::/0', '10.64.0.2/32', '[2001:db8::1]:51820', 'example.org:1', 'off', '0xca6c', '65535'],
];
/** Shorter ones are in anything. */
const SECRET_LENGTH = 8;

function entries(tree: unknown): [string, unknown][] {
  return typeof tree === 'object' && tree !== null ? Object.entries(tree) : [];
}

/** Options are texts by the time that they are parsed. No secret is in what is said of a mistake. */
function options(tree: unknown): void {
  const given = new Map(
    entries(tree).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  try {
    (isExit(given) ? parseExitOptions : parseOptions)(given);
  } catch (err) {
    for (const name of ['dwgd.seed', 'dwgd.psk', 'dwgd.seedfile', 'dwgd.pskfile']) {
      const secret = given.get(name) ?? '';
      const isElsewhere = [...given].some(
        ([key, value]) => key.includes(secret) || (key !== name && value.includes(secret)),
      );
      const isPath = name.endsWith('file') && secret.startsWith('/');
      if (
        isPath ||
        secret.length < SECRET_LENGTH ||
        isElsewhere ||
        OPTION_NAMES.join().includes(secret.trim())
      )
        continue;
      assert.ok(!(err as Error).message.includes(secret), `${name} is in ${(err as Error).message}`);
    }
    throw err;
  }
}

/** A file is a configuration, or mistakes with their lines. */
function tunnelFile(text: string): void {
  const found = readTunnelFile(text);
  const remarks = 'mistakes' in found ? found.mistakes : found.passedOver;
  assert.ok(remarks.length <= MAX_REMARKS + 1 && !('mistakes' in found && remarks.length === 0));
  const lines = text.split('\n').length;
  for (const { line, sentence } of remarks) {
    assert.ok(line >= 1 && line <= lines, `line ${line} of ${lines}`);
    assert.ok(sentence.length < 400 && !/\p{Cc}/u.test(sentence), JSON.stringify(sentence));
    for (let at = 0; at + SECRET_PART <= SECRET.length; at++)
      assert.ok(!sentence.includes(SECRET.slice(at, at + SECRET_PART)), sentence);
  }
}

/** A row with every column: what SQLite may hold in one is null, a number, a text or, from `{"hex": …}`, bytes. */
function rowOf(tree: unknown, columns: readonly string[]): unknown {
  const given = new Map(entries(tree));
  return Object.fromEntries(columns.map(column => [column, sqlValue(given.get(column))]));
}

function sqlValue(value: unknown): unknown {
  const [first] = entries(value);
  if (first?.[0] === 'hex' && typeof first[1] === 'string') return Buffer.from(first[1], 'hex');
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

export const DRIVER_TARGETS: readonly Target[] = [
  ofJson('create-network', readCreateNetwork, { ...USER, words: BODY_WORDS }),
  ofJson('network-request', readNetworkRequest, { ...USER, words: BODY_WORDS }),
  ofJson('endpoint-request', readEndpoint, { ...USER, words: BODY_WORDS }),
  ofJson('create-endpoint', readCreateEndpoint, { ...USER, words: BODY_WORDS }),
  ofJson('join', readJoin, { ...USER, words: BODY_WORDS }),
  ofJson('options', options, { ...USER, words: OPTION_WORDS }),
  ofText(
    'host-port',
    text => {
      const found = parseHostPort(text);
      if (found) assert.deepEqual(parseHostPort(formatHostPort(found)), found);
    },
    { words: OPTION_WORDS },
  ),
  ofText('ip', text => [parseAddress(text), parsePrefix(text)], {
    words: ['::', 'fd00::1', '/64', '10.0.0.1', '.0'],
  }),
  ofJson('network-row', tree => networkRow(readNetworkRow(rowOf(tree, NETWORK_COLUMNS) as NetworkRow)), {
    throws: [UserError, DecodeError],
    words: [...NETWORK_COLUMNS, 'hex', '10.0.0.0/24', 'example.org:51820'],
  }),
  ofJson('exit-row', tree => exitRow(readExitRow(rowOf(tree, NETWORK_COLUMNS) as NetworkRow)), {
    words: [...NETWORK_COLUMNS, '/etc/dwgd/a.conf,/b.conf', '10.0.0.0/24'],
  }),
  ofText('tunnel-file', tunnelFile, { words: FILE_WORDS, max: 64 * 1024 }),
  ofJson('client-row', tree => clientRow(readClientRow(rowOf(tree, CLIENT_COLUMNS) as ClientRow)), {
    words: [...CLIENT_COLUMNS, 'hex', 'joined', '10.0.0.2', '"allowedIPs"', '"keepalive"', '"psk"'],
  }),
  ofBytes('mapping-answer', bytes => {
    for (const lifetime of [0, 60]) {
      const request = { protocol: 'udp', internal: 60_351, suggested: 0, lifetime } as const;
      const { granted } = decodeMapping(bytes, request) ?? {};
      if (granted) assert.equal(granted.lifetime === 0, lifetime === 0);
    }
  }),
  ofText('go-flags', text => [fromGoFlags(text.split(' ')), readGoBoolean(text)], {
    words: ['-d=', '-v=false', '-r=', '--version', 'pubkey', '-s=', '-i=', '-s', '=t'],
  }),
  ofText('mountinfo', text => [findMount(text, '36'), mountsOfDevice(text, '98:0'), parseMountId(text)], {
    words: [
      '36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw\n',
      ' - ',
      'mnt_id:\t36',
      '\\040',
      '\n',
    ],
  }),
  ofText(
    'passwd',
    text => {
      const [list = '', ...lines] = text.split('\n');
      return readUsers(list, parsePasswd(lines.join('\n')));
    },
    { throws: [RangeError], words: [':x:1000:1000::/:', '\n', 'root', 'alice', '4294967295', ','] },
  ),
];
