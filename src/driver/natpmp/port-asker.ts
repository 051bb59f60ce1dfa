// Asks the gateway of one tunnel for its port, for as long as the tunnel is in force, and ends that in passing. Not here: what is asked
// when (assigned-port.ts), which tunnels there are (assigned-ports.ts).

import { type Address, formatAddress } from '../../base/ip.js';
import { assignedPort, endings, nextDue, type PortEvent, type PortState, stepPort } from './assigned-port.js';
import { GatewaySocket, type WithinRouter } from './gateway-socket.js';
import { decodeMapping, encodeMapping, type MappingRequest } from './mapping-message.js';

interface PortAskerParts {
  readonly gateway: Address;
  readonly within: WithinRouter;
  /** Port or problem may be another. */
  readonly changed: () => void;
  readonly told: (text: string) => void;
}

/** How long the end of a mapping is waited for, in milliseconds. */
const END_MS = 500;
const now = (): number => performance.now();

export class PortAsker {
  readonly #parts: PortAskerParts;
  #state: PortState;
  #socket: GatewaySocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param state with which it begins, a moment later */
  constructor(parts: PortAskerParts, state: PortState) {
    this.#parts = parts;
    this.#state = state;
    this.#schedule();
  }

  /** In force now. */
  get port(): number | undefined {
    return assignedPort(this.#state, now());
  }

  /** The port that would be welcome where it is asked for anew; 0: any. */
  get suggested(): number {
    return this.#state.suggested;
  }

  /** Why there is no port, or soon will be none. */
  get problem(): string | undefined {
    const { problem } = this.#state;
    return problem === undefined
      ? undefined
      : `the gateway ${formatAddress(this.#parts.gateway)}: ${problem}`;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  /** Ends what the gateway has assigned, and itself; resolves when that is answered, or after half a second. */
  async release(): Promise<void> {
    const isThere = this.port !== undefined;
    this.close();
    if (!isThere) return;
    await Promise.all(endings().map(ending => this.#end(ending)));
  }

  #end(ending: MappingRequest): Promise<void> {
    return new Promise(resolve => {
      let socket: GatewaySocket | undefined;
      const over = (): void => {
        clearTimeout(timer);
        socket?.close();
        resolve();
      };
      const timer = setTimeout(over, END_MS);
      try {
        socket = this.#open(ending, over, over);
        socket.send(encodeMapping(ending));
      } catch {
        over();
      }
    });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const wait = Math.max(nextDue(this.#state, now()) - now(), 0);
    this.#timer = setTimeout(() => this.#step({ kind: 'time' }), wait).unref();
  }

  #step(event: PortEvent): void {
    if (this.#isClosed) return;
    const { state, send, told } = stepPort(this.#state, event, now());
    if (state.exchange?.request !== this.#state.exchange?.request) this.#socket?.close();
    this.#state = state;
    if (send) this.#send(send);
    if (told !== undefined) this.#parts.told(told);
    this.#schedule();
    this.#parts.changed();
  }

  #send(request: MappingRequest): void {
    try {
      if (!this.#socket?.isOpen) {
        this.#socket = this.#open(
          request,
          answer => this.#step({ kind: 'answer', answer }),
          () => this.#step({ kind: 'refused' }),
        );
      }
      this.#socket.send(encodeMapping(request));
    } catch {
      // There is no way to the gateway now: it is tried again as what was lost is.
    }
  }

  /** @throws Error */
  #open(
    request: MappingRequest,
    answered: (answer: NonNullable<ReturnType<typeof decodeMapping>>) => void,
    refused: () => void,
  ): GatewaySocket {
    const { gateway, within } = this.#parts;
    const heard = (bytes: Buffer): void => {
      const answer = decodeMapping(bytes, request);
      if (answer) answered(answer);
    };
    return new GatewaySocket(gateway, within, { heard, refused });
  }
}
