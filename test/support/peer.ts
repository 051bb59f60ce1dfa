// A server in a throw-away namespace that says who asked, and a question to it, as tests on the kernel put it.
import type { TestContext } from 'node:test';
import type { Namespace } from './namespace.js';
import { answerOn, type Protocol, question } from './sockets.js';

/** Far longer than an answer takes on a machine that does much else. */
const ANSWER_MS = 30_000;
/** For what is not to come. */
const IN_VAIN_MS = 700;

/** A server in a namespace on tcp port 80 and udp port 53 of all its addresses; it goes with the test. */
export async function serve(t: TestContext, ns: Namespace): Promise<void> {
  await serveWith(t, ns, { tcp: 80, udp: 53 }, address => address);
}

/** A server in a namespace on tcp and udp ports that answers with its port and the address that it sees. */
export async function serveOn(t: TestContext, ns: Namespace, ports: readonly number[]): Promise<void> {
  for (const port of ports) await serveWith(t, ns, { tcp: port, udp: port }, address => `${port} ${address}`);
}

async function serveWith(
  t: TestContext,
  ns: Namespace,
  ports: Readonly<Record<Protocol, number>>,
  say: (address: string) => string,
): Promise<void> {
  for (const protocol of ['tcp', 'udp'] as const) {
    const server = await answerOn(ns, protocol, ports[protocol], say);
    t.after(() => server.close());
  }
}

/**
 * What a namespace gets from an address and port: the server's answer, or why there is none.
 * @param sourcePort of a datagram; 0 is any
 */
export function ask(
  from: Namespace,
  to: string,
  how: Protocol = 'tcp',
  sourcePort = 0,
  ms = ANSWER_MS,
): Promise<string> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
  return question(from, { host, port: Number(port), protocol: how, sourcePort, ms });
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
