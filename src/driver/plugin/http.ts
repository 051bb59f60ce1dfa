// Docker's calls over HTTP: one table of methods on express's router. Not here: what they do
// (driver/lifecycle/driver.ts), the sockets they come by (src/daemon.ts).

import type { RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { withDeadline } from '../../base/deadline.js';
import { ChannelError, messageOf, UserError } from '../../base/errors.js';
import { type Log, onBehalfOf } from '../../base/log.js';
import { excerpt } from '../../base/text.js';
import { CallCounts } from '../../control/call-counts.js';
import { parseUserJson } from '../../docker/user-json.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { Verbs } from '../lifecycle/driver.js';
import {
  readCreateEndpoint,
  readCreateNetwork,
  readEndpoint,
  readJoin,
  readNetworkRequest,
  readProgramExternalConnectivity,
} from '../spec/protocol.js';
import { LoopShare, REST_OF_CALLS } from '../users/loop-share.js';

/** Limits for one Docker: bytes of a body, and concurrent calls; a call may go on after its connection has ended. */
interface CallLimits {
  readonly maxBody: number;
  readonly maxCalls: number;
}

/** Docker's longest request is a few KiB. */
const ROOT_LIMITS: CallLimits = { maxBody: 1024 * 1024, maxCalls: Number.POSITIVE_INFINITY };
/** A network's options may have 64 KiB (driver/users/quotas.ts); all calls together, 8 MiB. */
const USER_LIMITS: CallLimits = { maxBody: 128 * 1024, maxCalls: 64 };
/** Docker itself waits for ever, with the container locked. */
const DEADLINE_MS = 25_000;

const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json';

/** What is shared by all Dockers; absent: one of its own. */
interface PluginParts {
  /** What calls of users other than root take turns in. */
  readonly share?: LoopShare;
  /** Is told of each call that was answered. */
  readonly calls?: CallCounts | undefined;
  /** A call has come again without what it said: what it had begun may be left. */
  readonly cutShort?: (() => void) | undefined;
}

type Method = (driver: Verbs, body: unknown, owner: number) => Promise<object>;

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
    await driver.deleteNetwork(readNetworkRequest(body).NetworkID, owner);
    return {};
  },
  'NetworkDriver.CreateEndpoint': async (driver, body, owner) => {
    return { Interface: await driver.createEndpoint(readCreateEndpoint(body), owner) };
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
  'NetworkDriver.ProgramExternalConnectivity': async (driver, body, owner) => {
    await driver.programExternalConnectivity(readProgramExternalConnectivity(body), owner);
    return {};
  },
  'NetworkDriver.RevokeExternalConnectivity': async (driver, body, owner) => {
    await driver.revokeExternalConnectivity(readEndpoint(body), owner);
    return {};
  },
  'NetworkDriver.DiscoverNew': none,
  'NetworkDriver.DiscoverDelete': none,
};

const STARTED_AGAIN =
  'start the container again (docker start), or connect it again (docker network connect)';
/** What a user does about a call that was cut short. Of what Docker takes away, the rest goes by itself. */
const REMEDIES: Readonly<Record<string, string>> = {
  'NetworkDriver.CreateNetwork': 'create the network again',
  'NetworkDriver.CreateEndpoint': STARTED_AGAIN,
  'NetworkDriver.Join': STARTED_AGAIN,
  'NetworkDriver.EndpointOperInfo': STARTED_AGAIN,
  'NetworkDriver.ProgramExternalConnectivity': STARTED_AGAIN,
};
const NO_REMEDY = 'dwgd takes away what is left, within seconds';

/** The calls that Docker sends without a body. */
const BODILESS = new Set(['Plugin.Activate', 'NetworkDriver.GetCapabilities']);

/**
 * What answers Docker's calls.
 * @param owner the user whose Docker calls by it: 0, or that of a rootless one
 */
export function createPlugin(
  driver: Verbs,
  owner: number,
  log: Log,
  { share = new LoopShare(REST_OF_CALLS), calls: counts = new CallCounts(), cutShort }: PluginParts = {},
): RequestListener {
  // The router without an app: an app changes the prototype of every request, which deoptimises V8's inline caches and
  // doubles the time of a call.
  const router = express.Router();
  const { maxBody, maxCalls } = owner === 0 ? ROOT_LIMITS : USER_LIMITS;
  // Docker sends no Content-Type, and compresses nothing: what that becomes is on nobody's account.
  router.use(express.text({ type: () => true, limit: maxBody, inflate: false }));
  const calls = new Calls(maxCalls);
  for (const [name, method] of Object.entries(METHODS)) {
    // To read the body is a part of the work: it may be JSON of any shape.
    const begin = async (text: unknown): Promise<object> => {
      if (BODILESS.has(name)) return method(driver, {}, owner);
      if (typeof text !== 'string' || text === '') {
        cutShort?.();
        throw refuseRepeated(name);
      }
      return method(driver, readBody(text, owner), owner);
    };
    const run = (text: unknown): Promise<object> => calls.run(() => share.run(owner, () => begin(text)));
    const handle = handler(name, run, log, counts);
    router.post(`/${name}`, (...call) => onBehalfOf(owner, () => handle(...call)));
  }
  router.use((request, response) => {
    const path = request.url.split('?', 1)[0]!;
    answer(response, 404, { Err: `unknown method ${request.method} ${excerpt(path)}` });
  });
  router.use(failed(maxBody));
  return (request, response) => router(request as Request, response as Response, () => response.destroy());
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': CONTENT_TYPE, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function handler(
  name: string,
  run: (text: unknown) => Promise<object>,
  log: Log,
  counts: CallCounts,
): RequestHandler {
  return async (request, response) => {
    const started = performance.now();
    const finish = (status: number, body: object): number => {
      faultPoint('call-done');
      answer(response, status, body);
      const ms = performance.now() - started;
      counts.count(name, status, ms);
      return Math.round(ms * 10) / 10;
    };
    const late = (): Error => new ChannelError(`${name} took longer than ${DEADLINE_MS / 1000} s`);
    try {
      faultPoint('call-begun');
      const ms = finish(200, await withDeadline(run(request.body), DEADLINE_MS, late));
      log.debug({ call: name, ms }, 'answered');
    } catch (err) {
      const text = messageOf(err);
      finish(statusOf(err), { Err: text });
      log.error({ call: name }, text);
      if (isBug(err)) log.error({ stack: err.stack }, 'this is a bug in dwgd: please report it');
    }
  };
}

/** After a broken connection Docker sends its call again without the body, and would take {} for a success. */
function refuseRepeated(name: string): UserError {
  return new UserError(
    `the request has no body: dwgd was ended or restarted during this call, and Docker repeats it without what it said: ${REMEDIES[name] ?? NO_REMEDY}`,
  );
}

function readBody(text: string, owner: number): unknown {
  try {
    return owner === 0 ? JSON.parse(text) : parseUserJson(text);
  } catch {
    throw new UserError('the request is not JSON');
  }
}

/** An error before any method was reached: the body was too large, or incomplete. @param maxBody in bytes */
function failed(maxBody: number): ErrorRequestHandler {
  return (err: { status?: number; type?: string }, _request, response, _next) => {
    const isLarge = err.type === 'entity.too.large';
    const text = isLarge ? `the request is larger than ${maxBody / 1024} KiB` : 'the request cannot be read';
    answer(response, err.status ?? 500, { Err: text });
  };
}

/** Concurrent calls. A call counts until its work is done, even if nobody waits for the answer any more. */
class Calls {
  readonly #most: number;
  #underWay = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws UserError when as many as may be are under way */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#most) {
      throw new UserError(
        `${this.#most} calls of this user are under way, and no more are begun: try again when one of them is done`,
      );
    }
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
    }
  }
}

/** An error that neither the user, nor the kernel, nor the database caused: a bug. */
function isBug(err: unknown): err is Error {
  return err instanceof TypeError || err instanceof RangeError || err instanceof ReferenceError;
}

function statusOf(err: unknown): number {
  return err instanceof UserError ? 400 : 500;
}
