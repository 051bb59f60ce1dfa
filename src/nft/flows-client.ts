// Tracked flows of the namespace of the calling thread: list them, let go of one (conntrack(8)). Synchronous. Not here:
// the bytes (flows.ts), which flows are to go.

import { ChannelError } from '../base/errors.js';
import { formatAddress } from '../base/ip.js';
import type { Trace } from '../netlink/trace.js';
import {
  countFlowsRequest,
  decodeFlow,
  decodeFlowCount,
  deleteFlowRequest,
  type Flow,
  flushFlowsRequest,
  getFlowsRequest,
} from './flows.js';
import type { NetfilterSockets } from './sockets.js';

export class Conntrack {
  readonly #sockets: NetfilterSockets;

  constructor(sockets: NetfilterSockets) {
    this.#sockets = sockets;
  }

  /** How many flows there are of all protocols. @throws OpError, ChannelError */
  count(): number {
    const context = { op: 'counting', subject: 'flows' };
    const [answer] = this.#sockets.ask(connection => connection.request(countFlowsRequest(), context));
    if (!answer) throw new ChannelError('counting flows: an answer without their number');
    return decodeFlowCount(answer.payload);
  }

  /** The tracked flows to a UDP port, or to any. @throws OpError; ChannelError when there are more than MAX_DUMP_MESSAGES */
  flows(port?: number): Flow[] {
    const context = { op: 'listing flows to udp port', subject: String(port ?? '*') };
    const replies = ([4, 6] as const).flatMap(family =>
      this.#sockets.ask(connection => connection.request(getFlowsRequest(family, port), context)),
    );
    return replies.flatMap(({ payload }) => decodeFlow(payload) ?? []);
  }

  /** @throws OpError: ENOENT */
  deleteFlow(flow: Flow, trace?: Trace): void {
    const { address, port } = flow.destination;
    trace?.(`conntrack -D -p udp -d ${formatAddress(address)} --dport ${port}`);
    const context = { op: 'letting go of a flow to', subject: `${formatAddress(address)} port ${port}` };
    this.#sockets.ask(connection => connection.request(deleteFlowRequest(flow), context));
  }

  /** Lets go of all flows of all protocols. @throws OpError */
  flush(trace?: Trace): void {
    trace?.('conntrack -F');
    const context = { op: 'letting go of flows', subject: '*' };
    this.#sockets.ask(connection => connection.request(flushFlowsRequest(), context));
  }
}
