// Readers of what Docker answers, or whoever listens in its place: HTTP, lines of events, listings and inspections.
import { Duplex, Readable } from 'node:stream';
import { openAnswer, RefusalError, readLines, TooLargeError, textOf } from '../../src/docker/request.js';
import { parseUserJson } from '../../src/docker/user-json.js';
import { readNames } from '../../src/driver/lifecycle/docker-names.js';
import { readDockerNetwork, readNetworkIds } from '../../src/driver/lifecycle/docker-networks.js';
import {
  containerOf,
  readContainerListing,
  readImageLabels,
  readInfo,
  readInspection,
  readNetworkListing,
  readService,
} from '../../src/labels/discovery/docker-answers.js';
import { fingerprint, twineLabels } from '../../src/labels/discovery/docker-view.js';
import { networkIds, networkKind } from '../../src/labels/discovery/networks.js';
import { snapshotListed, snapshotStopped } from '../../src/labels/discovery/snapshot.js';
import { ofBytes, ofJson, ofText, type Target } from './target.js';

const MOST_BYTES = 4096;
const HTTP_WORDS = [
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 302 Found\r\n',
    'HTTP/1.0 ',
    '101 ',
    '\r\n',
    '\r\n\r\n',
    'Connection: close\r\n',
  ],
  ...[
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Location: ',
    'Trailer: x\r\n',
    '0\r\n\r\n',
    '1000\r\n',
  ],
  ...['{"message":"no"}', 'Upgrade: x\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'],
];
const CONTAINER_WORDS = [
  ...[
    'Id',
    'Names',
    'Name',
    'State',
    'Labels',
    'HostConfig',
    'NetworkMode',
    'NetworkSettings',
    'Networks',
    'Config',
  ],
  ...[
    'NetworkID',
    'EndpointID',
    'IPAddress',
    'IPPrefixLen',
    'GlobalIPv6Address',
    'GlobalIPv6PrefixLen',
    'Gateway',
  ],
  ...[
    'IPv6Gateway',
    'GwPriority',
    'Aliases',
    'DNSNames',
    'Running',
    'Pid',
    'SandboxKey',
    'Image',
    'Dns',
    'Runtime',
  ],
  ...['running', 'twine.strict', 'com.docker.compose.oneoff', 'com.docker.compose.project', 'ResolvConfPath'],
];

/** Whoever answers at once, whatever he is asked: in two pieces, then he hangs up. */
function answering(input: Buffer): Duplex {
  let isAsked = false;
  return new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
      if (isAsked) return;
      isAsked = true;
      const half = input.length >> 1;
      if (half > 0) this.push(input.subarray(0, half));
      if (input.length > half) this.push(input.subarray(half));
      this.push(null);
    },
  });
}

/** What Node's own parser, and a connection that ends, may say. */
function isOfConnection(err: unknown): boolean {
  const { code = '', message = '' } = err as { code?: string; message?: string };
  return (
    /^(HPE_\w+|ECONNRESET)$/.test(code) ||
    /^(aborted|socket hang up|the answer of Docker broke off|the connection to Docker ended without an answer)$/.test(
      message,
    )
  );
}

async function answer(input: Buffer): Promise<void> {
  const socket = answering(input);
  try {
    const body = await openAnswer({ path: '/', createConnection: () => socket });
    JSON.parse(await textOf(body, MOST_BYTES));
  } catch (err) {
    if (!isOfConnection(err) && !(err instanceof SyntaxError)) throw err;
  } finally {
    socket.destroy();
  }
}

async function lines(input: Buffer): Promise<void> {
  const third = Math.ceil(input.length / 3);
  const chunks = [0, 1, 2]
    .map(n => input.subarray(n * third, (n + 1) * third))
    .filter(({ length }) => length > 0);
  const taken: string[] = [];
  await readLines(Readable.from(chunks, { objectMode: true }), { line: 1024, all: MOST_BYTES }, line => {
    if (line.includes('\n') || line.trim() === '') throw new Error(`no line: ${JSON.stringify(line)}`);
    taken.push(line);
  });
}

const kindOf = (): undefined => undefined;

export const DOCKER_TARGETS: readonly Target[] = [
  ofBytes('docker-answer', answer, { throws: [RefusalError, TooLargeError], words: HTTP_WORDS }),
  ofBytes('docker-lines', lines, { throws: [TooLargeError], words: ['\n', '{}', '\r\n', '\u00e9'] }),
  ofJson(
    'container-listing',
    tree =>
      readContainerListing(tree).map(container => [
        networkIds(container),
        snapshotListed(container, kindOf, snapshotListed(container, kindOf)),
      ]),
    { words: CONTAINER_WORDS },
  ),
  ofJson(
    'container-inspection',
    tree => {
      const container = readInspection(tree);
      return [
        snapshotStopped(container, fingerprint(container), kindOf),
        twineLabels(container.Config.Labels),
      ];
    },
    { words: CONTAINER_WORDS },
  ),
  ofJson('network-listing', tree => readNetworkListing(tree).map(one => networkKind(one)), {
    words: ['Id', 'Driver', 'Options', 'ipvlan_mode'],
  }),
  ofJson('image', tree => twineLabels(readImageLabels(tree)), {
    words: ['Config', 'Labels', 'twine.strict'],
  }),
  ofJson('service', tree => twineLabels(readService(tree).labels), {
    words: ['Spec', 'Name', 'Labels', 'twine.route.::/0'],
  }),
  ofJson('info', readInfo, { words: ['Runtimes', 'path', 'runtimeType', 'runsc'] }),
  ofJson('event', containerOf, {
    throws: [],
    words: ['Type', 'Actor', 'ID', 'Attributes', 'container', 'network'],
  }),
  ofText('user-json', parseUserJson, {
    throws: [SyntaxError],
    words: ['[', '{"a":', '"', '\\"', '\\\\', '[{},{}]', '\\u005b'],
  }),
  ofJson('driver-networks', tree => readNetworkIds(tree), { words: ['Id'] }),
  ofJson('driver-network', tree => readDockerNetwork('n1', tree), {
    words: ['IPAM', 'Config', 'Subnet', 'Gateway', 'Options', 'Containers', 'EndpointID'],
  }),
  ofJson('driver-names', tree => readNames(tree, tree), {
    words: ['Id', 'Name', 'Names', 'NetworkSettings', 'Networks', 'EndpointID', '/'],
  }),
];
