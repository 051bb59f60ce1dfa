// Messages of NAT-PMP about a port's mapping, as RFC 6886 (section 3.3) has them: to bytes, and from bytes that may be anybody's.
// Pure. Not here: when they are sent (assigned-port.ts), by which socket (gateway-socket.ts).

export type MappedProtocol = 'udp' | 'tcp';

/** What is asked for. */
export interface MappingRequest {
  readonly protocol: MappedProtocol;
  /** The port of the tunnel's own address that the gateway sends to; 1 to 65535. */
  readonly internal: number;
  /** The gateway's port that would be welcome; 0: any. */
  readonly suggested: number;
  /** In seconds; 0 ends the mapping. */
  readonly lifetime: number;
}

/** What a gateway answers. */
export interface MappingAnswer {
  /** 0 is success; see RESULTS. */
  readonly result: number;
  /** Seconds since the gateway began to keep its mappings. */
  readonly epoch: number;
  /** Of success alone. */
  readonly granted?: {
    /** The gateway's port; 0 where the mapping has ended. */
    readonly external: number;
    /** In seconds; 0 where the mapping has ended. */
    readonly lifetime: number;
  };
}

/** Result codes of section 3.5 that are no success, for people. */
export const RESULTS: Readonly<Record<number, string>> = {
  1: 'it does not know this version of the protocol',
  2: 'it refuses',
  3: 'it has no address of its own now',
  4: 'it has no port left',
  5: 'it does not know the request',
};

const VERSION = 0;
const OPCODES = { udp: 1, tcp: 2 } as const satisfies Record<MappedProtocol, number>;
/** Of an answer, added to the request's opcode. */
const ANSWER = 128;
/** Of messages, in bytes: the answer's own, and what every answer begins with. */
const [REQUEST_LENGTH, ANSWER_LENGTH, HEAD_LENGTH] = [12, 16, 8] as const;
const SUCCESS = 0;

/** @returns 12 bytes: version, opcode, 2 reserved, internal port, suggested external port, lifetime in seconds */
export function encodeMapping({ protocol, internal, suggested, lifetime }: MappingRequest): Buffer {
  const bytes = Buffer.alloc(REQUEST_LENGTH);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(OPCODES[protocol], 1);
  bytes.writeUInt16BE(internal, 4);
  bytes.writeUInt16BE(suggested, 6);
  bytes.writeUInt32BE(lifetime, 8);
  return bytes;
}

/** Undefined for what is no answer to the request: 16 bytes where it succeeded, and 8 to 16 else. */
export function decodeMapping(bytes: Uint8Array, request: MappingRequest): MappingAnswer | undefined {
  if (bytes.length < HEAD_LENGTH || bytes.length > ANSWER_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(0) !== VERSION || view.getUint8(1) !== ANSWER + OPCODES[request.protocol])
    return undefined;
  const [result, epoch] = [view.getUint16(2), view.getUint32(4)];
  if (result !== SUCCESS) return { result, epoch };
  if (bytes.length !== ANSWER_LENGTH || view.getUint16(8) !== request.internal) return undefined;
  const granted = { external: view.getUint16(10), lifetime: view.getUint32(12) };
  // The end of a mapping is no port for no time, and a mapping is neither.
  const isEnd = granted.lifetime === 0;
  if (isEnd !== (request.lifetime === 0) || (!isEnd && granted.external === 0)) return undefined;
  return { result, epoch, granted };
}
