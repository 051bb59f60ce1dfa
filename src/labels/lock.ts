// One keeper of labels for each host, wherever it runs: a unix socket with an abstract name, which belongs to the
// host's network namespace and goes with its process. Not here: the driver's lock (plugin-socket.ts).

import { createServer, type Server } from 'node:net';
import { errorCode, UserError } from '../errors.js';
import type { Host } from './host.js';

/** unix(7): a name that begins with a zero byte is in no file system. */
const NAME = '\0dwgd-labels';

export class LabelLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws UserError when somebody else holds it */
  static async take(host: Host): Promise<LabelLock> {
    const server = createServer(connection => connection.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        // bind(2) happens in here, synchronously.
        host.within(() => void server.listen(NAME, resolve));
      });
    } catch (err) {
      if (errorCode(err) !== 'EADDRINUSE') throw err;
      throw new UserError('another dwgd keeps the labels of this host: stop it first', { cause: err });
    }
    return new LabelLock(server);
  }

  release(): void {
    this.#server.close();
  }
}
