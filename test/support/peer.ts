// Programs at the other end of a test: a server in a namespace that says who asked, and a question to it. Each is a Node
// of its own, because a process is in one namespace.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { Namespace } from './namespace.js';

/** Answers every connection and every datagram with the address it came from. */
const SERVER = `
  const say = text => (text ?? '').replace('::ffff:', '');
  require('net').createServer(s => s.on('error', () => {}).end(say(s.remoteAddress))).listen(80, '::', () => {
    const udp = require('dgram').createSocket('udp6');
    udp.on('message', (_, from) => udp.send(say(from.address), from.port, from.address));
    udp.bind(53, '::', () => console.log('ready'));
  });`;

/** Prints what the server answers, or an error's code. */
const CLIENT = `
  const [how, host, port, from] = process.argv.slice(1);
  const done = text => { console.log(text); process.exit(0); };
  setTimeout(() => done('nothing'), 1500);
  if (how === 'tcp') require('net').connect(port, host).on('data', d => done(String(d))).on('error', e => done(e.code));
  else {
    const udp = require('dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
    udp.on('message', d => done(String(d))).on('error', e => done(e.code));
    udp.bind(Number(from), () => udp.connect(port, host, e => (e ? done(e.code) : udp.send('?'))));
  }`;

/** A server in a namespace on tcp port 80 and udp port 53 of all its addresses; it goes with the test. */
export async function serve(t: TestContext, ns: Namespace): Promise<void> {
  const child = spawn('ip', ['netns', 'exec', ns.name, process.execPath, '-e', SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  assert.equal(String(first), 'ready\n');
}

/**
 * What a namespace gets from an address and port: the server's answer, or why there is none.
 * @param sourcePort of a datagram; 0 is any
 */
export function ask(from: Namespace, to: string, how: 'tcp' | 'udp' = 'tcp', sourcePort = 0): string {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
  return from.exec(process.execPath, '-e', CLIENT, how, host, port, String(sourcePort)).trim();
}
