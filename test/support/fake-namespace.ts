// A container's namespace that is not there: routes, policy rules, tables and sysctls behind a socket that answers in
// bytes, and faults that it can have. Everything above the system calls is the project's own. Not here: what the kernel
// would refuse by itself.

import { ChannelError } from '../../src/base/errors.js';
import { formatAddress, formatPrefix } from '../../src/base/ip.js';
import type { NetnsRef } from '../../src/labels/discovery/container.js';
import { Sandboxes } from '../../src/labels/namespace/sandbox.js';
import {
  attr,
  attrMap,
  attrString,
  attrU32,
  nest,
  readString,
  readU32,
} from '../../src/netlink/attributes.js';
import { type ConnectionOpener, NetlinkConnection } from '../../src/netlink/connection.js';
import {
  NETLINK_ROUTE,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readMessages,
} from '../../src/netlink/message.js';
import { RTM_GETLINK } from '../../src/netlink/route/link.js';
import { decodeRule, type Rule } from '../../src/netlink/route/policy-rule.js';
import {
  decodeRoute,
  type Route,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
} from '../../src/netlink/route/route.js';
import { Nft } from '../../src/nft/client.js';
import type { ForwardChain } from '../../src/nft/filter-chain.js';
import { decodeRuleComment } from '../../src/nft/messages.js';
import type { NftRule, NftTransaction } from '../../src/nft/table.js';

const [RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE] = [32, 33, 34] as const;
const [GETTABLE, GETCHAIN, GETRULE, GETSET] = [1, 4, 7, 10].map(type => (10 << 8) | type);
const NLM_F_MULTI = 0x002;
const FRA_PRIORITY = 6;
const [ENOENT, ESRCH, EAGAIN, EEXIST, ENODEV, ENOBUFS] = [2, 3, 11, 17, 19, 105];
const [CT_GET, CT_DELETE] = [1, 2].map(type => (1 << 8) | type);
const CTA_TUPLE_ORIG = 1;
const CTA_ZONE = 18;
const ETH0 = linkBytes(2, 'eth0', 0);
const IN_A_DATAGRAM = 100;

/** What becomes of a request: an errno with which it is refused, or what is wrong with the answer. */
export type Fault =
  | number
  | { readonly send: number }
  | 'torn once'
  | 'torn always'
  | 'flood'
  | 'cut short'
  | 'senseless errno'
  | 'no answer'
  | 'overrun'
  | 'closed';

interface FakeChain {
  readonly name: string;
  readonly rules: NftRule[];
}

const errnoError = (errno: number, code: string): Error =>
  Object.assign(new Error(`${code}: it failed`), { errno: -errno, code });

export class FakeNamespace {
  /** Payloads as the kernel says them. */
  routes: Buffer[] = [];
  rules: Buffer[] = [];
  readonly tables = new Map<string, FakeChain[]>();
  readonly sysctls = new Map<string, string>();
  hasIPv6 = true;
  /** Chains FORWARD of the old iptables. */
  legacy: ForwardChain[] = [];
  /** IFF_* of its links. */
  linkFlags = 0;
  /** Names of its links, by their indexes. */
  readonly links = new Map([[2, 'eth0']]);
  /** The index of the link by which everything leaves now. */
  wayOut: () => number = () => 2;
  /** The flows that it tracks, as flowBytes() has them. */
  flows: Buffer[] = [];
  generation = 1;
  /** By the words of the request: "adding route 10.0.0.0/8". */
  fault: (what: string) => Fault | undefined = () => undefined;
  /** Why libnftables refuses a transaction. */
  refuse: (transaction: NftTransaction) => string | undefined = () => undefined;
  /** The errno with which a sysctl's file cannot be written. */
  readonly sysctlErrors = new Map<string, Error>();
  /** The errno with which a sysctl's file cannot be read. */
  readonly sysctlReadErrors = new Map<string, Error>();
  /** Why no socket can be opened. */
  openError: Error | undefined;
  /** Sockets that are open. */
  open = 0;
  /** Every request, as "adding route 10.0.0.0/8". */
  readonly requests: string[] = [];

  /** Opens connections into it. */
  readonly connect: ConnectionOpener = (protocol, options) => {
    if (this.openError) throw this.openError;
    const socket = new FakeSocket(this, protocol);
    const connection = new NetlinkConnection(socket, options);
    return {
      request: (request, { op, subject }) => {
        const what = `${op} ${subject}`;
        this.requests.push(what);
        socket.fault = this.fault(what);
        return connection.request(request, { op, subject });
      },
      batch: (batch, { op, subject }) => {
        const what = `${op} ${subject}`;
        this.requests.push(what);
        socket.fault = this.fault(what);
        connection.batch(batch, { op, subject });
      },
      close: () => connection.close(),
    };
  };

  /** What programs it, and nothing else. */
  sandboxes(trace: (command: string) => void = () => undefined, host?: NetnsRef): Sandboxes {
    return new Sandboxes({
      // Nobody is let into another one.
      netnsSwitch: { hostKey: 'the host', within: (_, fn) => fn() },
      nft: this.nft(),
      ...(host && { host }),
      open: this.connect,
      sysctls: {
        read: name => {
          const err = this.sysctlReadErrors.get(name);
          if (err) throw err;
          return this.sysctls.get(name);
        },
        write: (name, value) => {
          const err = this.sysctlErrors.get(name);
          if (err) throw err;
          if (!this.sysctls.has(name)) return false;
          this.sysctls.set(name, value);
          return true;
        },
        hasIPv6: () => this.hasIPv6,
      },
      legacy: () => this.legacy,
      trace,
    });
  }

  nft(): Nft {
    return new Nft(this.connect, {
      context: () => {
        const context = {
          error: '',
          run: (command: string): boolean => {
            const transaction = JSON.parse(command) as NftTransaction;
            const reason = this.refuse(transaction);
            if (reason !== undefined) context.error = `internal:0:0-0: Error: ${reason}\n`;
            else this.#commit(transaction);
            return reason === undefined;
          },
          free: () => undefined,
        };
        return context;
      },
    });
  }

  /** Its routes, in words. */
  get routeWords(): string[] {
    return this.routes.map(payload => routeWords(decodeRoute(payload)!));
  }

  /** Its policy rules, by their priorities. */
  get rulePriorities(): number[] {
    return this.rules.map(payload => (decodeRule(payload) as Rule).priority);
  }

  /** Rules in a chain of a table; undefined where there is no such table. */
  chainsOf(table: string): string[] | undefined {
    return this.tables.get(table)?.map(({ name, rules }) => `${name} ${rules.length}`);
  }

  #commit({ nftables }: NftTransaction): void {
    this.generation++;
    for (const command of nftables as Record<string, Record<string, Record<string, unknown>>>[]) {
      const [[verb, object]] = Object.entries(command) as [[string, Record<string, Record<string, unknown>>]];
      const [[kind, given]] = Object.entries(object!) as [[string, Record<string, unknown>]];
      const name = String(given.name);
      const chains = this.tables.get(String(given.table));
      if (kind === 'table' && verb === 'delete') this.tables.delete(name);
      else if (kind === 'table') this.tables.set(name, this.tables.get(name) ?? []);
      else if (kind === 'chain') chains!.push({ name, rules: [] });
      else if (kind === 'rule')
        chains!.find(({ name }) => name === given.chain)!.rules.push(given as unknown as NftRule);
    }
  }

  /** A transaction of NFT_MSG_NEWRULE: each is inserted as the first of its chain. */
  insertRules(payloads: readonly Buffer[]): void {
    this.generation++;
    for (const payload of payloads) {
      const attrs = attrMap(payload.subarray(4));
      const [table, chain] = [1, 2].map(type => readString(attrs.get(type)!));
      const comment = decodeRuleComment(payload);
      const found = this.tables.get(table!)!.find(({ name }) => name === chain)!;
      found.rules.unshift({ expr: [], ...(comment !== undefined && { comment }) });
    }
  }

  /** The answers to a request. @throws the errno with which it is refused */
  answer(protocol: number, request: Request): Buffer[] {
    return protocol === NETLINK_ROUTE ? this.#route(request) : this.#netfilter(request);
  }

  #route({ type, flags, payload }: Request): Buffer[] {
    switch (type) {
      case RTM_GETROUTE:
        return (flags & NLM_F_DUMP) === NLM_F_DUMP
          ? this.routes
          : [Buffer.concat([payload.subarray(0, 12), attrU32(4, this.wayOut())])];
      case RTM_NEWROUTE:
        if (flags & NLM_F_CREATE) this.routes = [payload, ...this.routes];
        return [];
      case RTM_DELROUTE: {
        const { type: _, ...named } = decodeRoute(payload)!;
        const at = this.routes.findIndex(one => routeWords(decodeRoute(one)!) === routeWords(named));
        if (at < 0) throw ESRCH;
        this.routes = this.routes.toSpliced(at, 1);
        return [];
      }
      case RTM_GETRULE:
        return this.rules;
      case RTM_NEWRULE:
        if (this.rules.some(other => other.equals(payload))) throw EEXIST;
        this.rules.push(payload);
        return [];
      case RTM_DELRULE: {
        const keyOf = (one: Buffer): string =>
          `${one[0]} ${readU32(attrMap(one.subarray(12)).get(FRA_PRIORITY)!)}`;
        const at = this.rules.findIndex(one => keyOf(one) === keyOf(payload));
        if (at < 0) throw ENOENT;
        this.rules.splice(at, 1);
        return [];
      }
      case RTM_GETLINK: {
        const index = payload.readInt32LE(4);
        const name = this.links.get(index);
        if (name === undefined) throw ENODEV;
        return [linkBytes(index, name, this.linkFlags)];
      }
      default:
        throw new Error(`the fake namespace knows no rtnetlink message ${type}`);
    }
  }

  #netfilter({ type, flags, payload }: Request): Buffer[] {
    const header = Buffer.from([1, 0, this.generation >> 8, this.generation & 255]);
    const attrs = attrMap(payload.subarray(4));
    const named = (type: number): string | undefined => {
      const value = attrs.get(type);
      return value && readString(value);
    };
    const u64 = (type: number, value: number): Buffer =>
      attr(type, Buffer.from([0, 0, 0, 0, 0, 0, 0, value]));
    const u32be = (type: number, value: number): Buffer => attr(type, Buffer.from([0, 0, 0, value]));
    const tableOf = (name: string): Buffer =>
      Buffer.concat([header, attrString(1, name), u32be(2, 0), u32be(3, 1), u64(4, 9)]);
    switch (type) {
      case GETTABLE: {
        if ((flags & NLM_F_DUMP) === NLM_F_DUMP) return [...this.tables.keys()].map(tableOf);
        if (!this.tables.has(named(1)!)) throw ENOENT;
        return [tableOf(named(1)!)];
      }
      case GETCHAIN:
        return [...this.tables].flatMap(([table, chains]) =>
          chains.map(({ name }) =>
            Buffer.concat([header, attrString(1, table), u64(2, 1), attrString(3, name)]),
          ),
        );
      case GETRULE: {
        const chains = this.tables.get(named(1)!) ?? [];
        const asked = named(2) === undefined ? chains : chains.filter(({ name }) => name === named(2));
        return asked.flatMap(({ name, rules }) =>
          rules.map(({ comment, expr }, n) =>
            Buffer.concat([
              header,
              attrString(2, name),
              u64(3, n + 1),
              nest(4, nest(1, attrString(1, 'a rule'), nest(2, attrString(1, JSON.stringify(expr))))),
              ...(comment === undefined ? [] : [attr(7, userData(comment))]),
            ]),
          ),
        );
      }
      case GETSET:
        return [];
      case CT_GET:
        // As kernels before 5.8 do: by the family alone.
        return this.flows.filter(flow => flow[0] === payload[0]);
      case CT_DELETE: {
        const at = this.flows.findIndex(flow => flowKey(flow) === flowKey(payload));
        if (at < 0) throw ENOENT;
        this.flows = this.flows.toSpliced(at, 1);
        return [];
      }
      default:
        throw new Error(`the fake namespace knows no message ${type} of netfilter`);
    }
  }
}

/** Which flow a message of conntrack names: the family, the original direction, the zone. */
function flowKey(payload: Buffer): string {
  const attrs = attrMap(payload.subarray(4));
  const parts = [CTA_TUPLE_ORIG, CTA_ZONE].map(type => attrs.get(type)?.toString('hex'));
  return [payload[0], ...parts].join();
}

function linkBytes(index: number, name: string, flags: number): Buffer {
  const header = [Buffer.from([0, 0, 1, 0]), int32(index), int32(flags), int32(0)];
  return Buffer.concat([...header, attrString(3, name)]);
}

/** A rule's comment as libnftnl keeps it. */
function userData(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Buffer.from([0, text.length]), text]);
}

function routeWords({ destination, gateway, index, metric, table }: Omit<Route, 'type'>): string {
  const noGateway = index === undefined ? ' unreachable' : ` dev ${index}`;
  const way = gateway ? ` via ${formatAddress(gateway)}` : noGateway;
  return `${formatPrefix(destination)}${way} metric ${metric} table ${table}`;
}

/** The system calls of a netlink socket. */
class FakeSocket {
  fault: Fault | undefined;
  readonly #namespace: FakeNamespace;
  readonly #protocol: number;
  /** What is still to be read. */
  readonly #datagrams: Buffer[] = [];
  #isOpen = true;

  constructor(namespace: FakeNamespace, protocol: number) {
    this.#namespace = namespace;
    this.#protocol = protocol;
    namespace.open++;
  }

  close(): void {
    if (this.#isOpen) this.#namespace.open--;
    this.#isOpen = false;
  }

  send(datagram: Buffer): void {
    const { fault } = this;
    if (fault === 'closed') throw new ChannelError('the netlink socket is closed');
    if (typeof fault === 'object') throw errnoError(fault.send, 'send');
    const all = readMessages(datagram);
    // The last but one of a transaction is the one that is acknowledged.
    const { type, flags, seq, payload } = all.at(-2) ?? all[0]!;
    const done = (errno: number): Buffer => message(NLMSG_ERROR, 0, seq, int32(-errno));
    if (typeof fault === 'number') {
      this.#datagrams.push(done(fault));
      return;
    }
    if (fault === 'no answer') return;
    if (fault === 'senseless errno') {
      this.#datagrams.push(done(-1));
      return;
    }
    if (all.length > 1) {
      this.#namespace.insertRules(all.slice(1, -1).map(({ payload }) => payload));
      this.#datagrams.push(done(0));
      return;
    }
    try {
      const replies = this.#namespace.answer(this.#protocol, { type, flags: flags & ~5, payload });
      if ((flags & NLM_F_DUMP) !== NLM_F_DUMP) {
        this.#datagrams.push(...replies.map(reply => message(type, 0, seq, reply)), done(0));
      } else {
        this.#dump(type, seq, fault === 'flood' ? Array.from({ length: 9000 }, () => ETH0) : replies);
      }
    } catch (err) {
      if (typeof err !== 'number') throw err;
      this.#datagrams.push(done(err));
    }
    if (fault === 'torn once') this.fault = undefined;
  }

  #dump(type: number, seq: number, replies: readonly Buffer[]): void {
    const torn = this.fault === 'torn once' || this.fault === 'torn always' ? NLM_F_DUMP_INTR : 0;
    const messages = replies.map(reply => message(type, NLM_F_MULTI | torn, seq, reply));
    for (let n = 0; n < messages.length; n += IN_A_DATAGRAM)
      this.#datagrams.push(Buffer.concat(messages.slice(n, n + IN_A_DATAGRAM)));
    this.#datagrams.push(message(NLMSG_DONE, NLM_F_MULTI | torn, seq, int32(0)));
  }

  async sendOnThread(datagram: Buffer): Promise<void> {
    this.send(datagram);
  }

  receive(buffer: Buffer): number {
    if (this.fault === 'overrun') throw errnoError(ENOBUFS!, 'ENOBUFS');
    const datagram = this.#datagrams.shift();
    if (!datagram) throw errnoError(EAGAIN!, 'EAGAIN');
    const length = datagram.copy(buffer);
    return this.fault === 'cut short' ? length - 1 : length;
  }
}

/** A number of four bytes. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** A message of the kernel, padded. */
export function message(type: number, flags: number, seq: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(seq, 8);
  return Buffer.concat([header, payload, Buffer.alloc((4 - (payload.length % 4)) % 4)]);
}
