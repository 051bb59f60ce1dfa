// sd_notify(3): tells systemd of readiness, stopping and being alive, by a datagram on the socket that it names
// in NOTIFY_SOCKET. Without systemd it does nothing. Not here: when to tell.

import { messageOf } from '../src/errors.js';
import { AF_UNIX, close, SOCK_DGRAM, sendto, socket } from './libc.js';

export class Notifier {
  readonly #address: Buffer | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  /** Takes the address out of the environment, so that nobody else answers for us. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    const path = env.NOTIFY_SOCKET;
    delete env.NOTIFY_SOCKET;
    this.#address = path === undefined || path === '' ? undefined : sockaddrUn(path);
  }

  /** READY=1, STOPPING=1, STATUS=…; a failure is reported, never thrown: the service works without. */
  send(state: string): void {
    if (!this.#address) return;
    try {
      const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
      try {
        sendto(fd, Buffer.from(state), this.#address, 'the service manager');
      } finally {
        close(fd);
      }
    } catch (err) {
      console.error(`cannot notify systemd: ${messageOf(err)}`);
    }
  }

  /** Says WATCHDOG=1 twice in every WATCHDOG_USEC, from the event loop that does the work. */
  startWatchdog(env: NodeJS.ProcessEnv = process.env): void {
    const interval = Number(env.WATCHDOG_USEC) / 1000;
    const isOurs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
    delete env.WATCHDOG_USEC;
    delete env.WATCHDOG_PID;
    if (!this.#address || !(interval > 0) || !isOurs) return;
    this.#watchdog = setInterval(() => this.send('WATCHDOG=1'), interval / 2).unref();
  }

  close(): void {
    clearInterval(this.#watchdog);
  }
}

/** struct sockaddr_un as bytes: the family, then the path; `@` in front stands for an abstract name. */
function sockaddrUn(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  const abstract = path.startsWith('@');
  const name = abstract ? Buffer.from(`\0${path.slice(1)}`) : Buffer.from(`${path}\0`);
  return Buffer.concat([family, name]);
}
