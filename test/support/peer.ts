// Both ends of a test's packets: a server in a namespace that says who asked, and a question to it. Their sockets are
// made in the namespace by this process, and stay there.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, isIPv6 } from 'node:net';
import type { TestContext } from 'node:test';
import type { Namespace } from './namespace.js';

/** Far longer than an answer takes on a machine that does much else. */
const ANSWER_MS = 30_000;
/** For what is not to come. */
const IN_VAIN_MS = 700;

type Found = (err: null, address: string, family: number) => void;

/** What is an address already: found at once, so that the socket is made before the thread leaves the namespace. */
function literal(host: string, _options: unknown, done: Found): void {
  done(null, host, isIPv6(host) ? 6 : 4);
}

/** A server in a namespace on tcp port 80 and udp port 53 of all its addresses; it goes with the test. */
export async function serve(t: TestContext, ns: Namespace): Promise<void> {
  await answerOn(t, ns, { tcp: 80, udp: 53 }, address => address);
}

/** A server in a namespace on tcp and udp ports that answers with its port and the address that it sees. */
export async function serveOn(t: TestContext, ns: Namespace, ports: readonly number[]): Promise<void> {
  for (const port of ports) await answerOn(t, ns, { tcp: port, udp: port }, address => `${port} ${address}`);
}

async function answerOn(
  t: TestContext,
  ns: Namespace,
  ports: { readonly tcp: number; readonly udp: number },
  answer: (address: string) => string,
): Promise<void> {
  const say = (address = ''): string => answer(address.replace('::ffff:', ''));
  const tcp = createServer(socket => socket.on('error', () => {}).end(say(socket.remoteAddress)));
  const udp = createSocket({ type: 'udp6', lookup: literal });
  udp.on('message', (_, from) => udp.send(say(from.address), from.port, from.address));
  udp.on('error', () => {});
  t.after(() => {
    tcp.close();
    udp.close();
  });
  ns.within(() => {
    udp.bind(ports.udp, '::');
    tcp.listen(ports.tcp);
  });
  if (!tcp.listening) await once(tcp, 'listening');
}

/**
 * What a namespace gets from an address and port: the server's answer, or why there is none.
 * @param sourcePort of a datagram; 0 is any
 */
export async function ask(
  from: Namespace,
  to: string,
  how: 'tcp' | 'udp' = 'tcp',
  sourcePort = 0,
  ms = ANSWER_MS,
): Promise<string> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
  const end = new AbortController();
  const answer = new Promise<string>(resolve => {
    const timer = setTimeout(() => resolve('nothing'), ms);
    end.signal.addEventListener('abort', () => clearTimeout(timer));
    const failed = (err: NodeJS.ErrnoException): void => resolve(err.code ?? err.message);
    const come = (data: Buffer): void => resolve(String(data));
    from.within(() => {
      if (how === 'tcp') {
        // A name, because what is an address is connected to in a later turn.
        const socket = connect({
          host: 'there',
          port: Number(port),
          lookup: (_name, options, done) => literal(host, options, done),
          autoSelectFamily: false,
        });
        socket.on('data', come).on('error', failed);
        end.signal.addEventListener('abort', () => socket.destroy());
      } else {
        const socket = createSocket({
          type: isIPv6(host) ? 'udp6' : 'udp4',
          ipv6Only: isIPv6(host),
          lookup: literal,
        });
        socket.on('message', come).on('error', failed);
        end.signal.addEventListener('abort', () => socket.close());
        socket.bind(sourcePort, isIPv6(host) ? '::' : '0.0.0.0');
        socket.connect(Number(port), host, (err?: Error) => {
          if (err) failed(err);
          else if (!end.signal.aborted) socket.send('?', failure => failure && failed(failure));
        });
      }
    });
  });
  try {
    return await answer;
  } finally {
    end.abort();
  }
}

/** The same where no answer is to come. */
export function askInVain(
  from: Namespace,
  to: string,
  how: 'tcp' | 'udp' = 'tcp',
  sourcePort = 0,
): Promise<string> {
  return ask(from, to, how, sourcePort, IN_VAIN_MS);
}
