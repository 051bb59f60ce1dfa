// Docker's calls over HTTP: one table of methods on express's router. Not here: what they do (driver.ts), the
// sockets they come by (daemon.ts).

import type { RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { ChannelError, messageOf, UserError } from '../errors.js';
import type { Log } from '../log.js';
import { excerpt } from '../text.js';
import { readCreateEndpoint, readCreateNetwork, readEndpoint, readJoin, readNetwork } from './api.js';
import type { Driver } from './driver.js';

/** Docker's longest request is a few KiB. */
const MAX_BODY = '1mb';
/** Docker itself waits for ever, with the container locked. */
const DEADLINE_MS = 25_000;

const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json';

type Method = (driver: Driver, body: unknown, owner: number) => Promise<object>;

const none: Method = async () => ({});

/** Every call of the protocol, the optional ones too. */
const METHODS: Readonly<Record<string, Method>> = {
  'Plugin.Activate': async () => ({ Implements: ['NetworkDriver'] }),
  'NetworkDriver.GetCapabilities': async () => ({ Scope: 'local', ConnectivityScope: 'local' }),
  'NetworkDriver.AllocateNetwork': async () => ({ Options: {} }),
  'NetworkDriver.FreeNetwork': none,
  'NetworkDriver.CreateNetwork': async (driver, body, owner) => {
    await driver.createNetwork(readCreateNetwork(body), owner);
    return {};
  },
  'NetworkDriver.DeleteNetwork': async (driver, body, owner) => {
    await driver.deleteNetwork(readNetwork(body).NetworkID, owner);
    return {};
  },
  'NetworkDriver.CreateEndpoint': async (driver, body, owner) => {
    await driver.createEndpoint(readCreateEndpoint(body), owner);
    return { Interface: {} };
  },
  'NetworkDriver.EndpointOperInfo': async () => ({ Value: {} }),
  'NetworkDriver.DeleteEndpoint': async (driver, body, owner) => {
    await driver.deleteEndpoint(readEndpoint(body), owner);
    return {};
  },
  'NetworkDriver.Join': (driver, body, owner) => driver.join(readJoin(body), owner),
  'NetworkDriver.Leave': async (driver, body, owner) => {
    await driver.leave(readEndpoint(body), owner);
    return {};
  },
  'NetworkDriver.ProgramExternalConnectivity': none,
  'NetworkDriver.RevokeExternalConnectivity': none,
  'NetworkDriver.DiscoverNew': none,
  'NetworkDriver.DiscoverDelete': none,
};

/** The calls that Docker sends without a body. */
const BODILESS = new Set(['Plugin.Activate', 'NetworkDriver.GetCapabilities']);

/**
 * What answers Docker's calls.
 * @param owner the user whose Docker calls by it: 0, or that of a rootless one
 */
export function createPlugin(driver: Driver, owner: number, log: Log): RequestListener {
  // The router without an app: that would change the prototype of every request, by which V8 forgets what it has
  // learnt of requests, and a call takes twice as long.
  const router = express.Router();
  // Docker sends no Content-Type.
  router.use(express.text({ type: () => true, limit: MAX_BODY }));
  for (const [name, method] of Object.entries(METHODS))
    router.post(`/${name}`, handler(name, method, driver, owner, log));
  router.use((request, response) => {
    const path = request.url.split('?', 1)[0]!;
    answer(response, 404, { Err: `unknown method ${request.method} ${excerpt(path)}` });
  });
  router.use(failed);
  return (request, response) => router(request as Request, response as Response, () => response.destroy());
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': CONTENT_TYPE, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function handler(name: string, method: Method, driver: Driver, owner: number, log: Log): RequestHandler {
  return async (request, response) => {
    const started = performance.now();
    try {
      const body = BODILESS.has(name) ? {} : readBody(request.body);
      answer(response, 200, await withDeadline(method(driver, body, owner), name));
      log.debug({ call: name, ms: Math.round((performance.now() - started) * 10) / 10 }, 'answered');
    } catch (err) {
      const text = messageOf(err);
      answer(response, statusOf(err), { Err: text });
      log.error({ call: name }, text);
      if (isBug(err)) log.error({ stack: err.stack }, 'this is a bug in dwgd: please report it');
    }
  };
}

function readBody(text: unknown): unknown {
  // After a broken connection Docker sends its call again without the body, and would take {} for a success.
  if (typeof text !== 'string' || text === '') throw new UserError('the request has no body');
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError('the request is not JSON');
  }
}

/** The request did not even reach a method: too large, or cut off. */
const failed: ErrorRequestHandler = (err: { status?: number; type?: string }, _request, response, _next) => {
  const text =
    err.type === 'entity.too.large' ? 'the request is larger than 1 MiB' : 'the request cannot be read';
  answer(response, err.status ?? 500, { Err: text });
};

async function withDeadline<T>(work: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const give = (): void => reject(new ChannelError(`${name} took longer than ${DEADLINE_MS / 1000} s`));
    timer = setTimeout(give, DEADLINE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whatever is neither the user's, nor the kernel's, nor the database's doing. */
function isBug(err: unknown): err is Error {
  return err instanceof TypeError || err instanceof RangeError || err instanceof ReferenceError;
}

function statusOf(err: unknown): number {
  return err instanceof UserError ? 400 : 500;
}
