// The files of one exit network: what each says, as it was last read, and which of them is in force. Not here: when another one
// is to be (driver/exit/failover.ts), its taking into force (driver/lifecycle/exit-routers.ts).

import { messageOf } from '../../base/errors.js';
import {
  FAILOVER_REASONS,
  type FailoverReason,
  type FailoverState,
  stepFailover,
  tellFailover,
} from '../exit/failover.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import { type SeenPeer, silentPeers } from '../exit/tunnel-signs.js';
import { hasChanged, openTunnelFile, stateOfFile } from '../files/tunnel-files.js';
import type { ExitNetwork } from '../spec/model.js';
import type { ContainerLinks } from '../tunnel/container-links.js';
import type { EndpointResolver } from '../tunnel/endpoint-resolver.js';
import type { FileStanding } from './exit-reading.js';
import type { ExitTunnel } from './exit-tunnel.js';
import { checkExit } from './join-exit.js';
import { PeerNames } from './peer-names.js';

export interface ExitFilesParts {
  readonly links: Pick<ContainerLinks, 'mtu' | 'hasRoute'>;
  readonly resolver: Pick<EndpointResolver, 'addresses'>;
  /** Is told what is wrong, perhaps the same again and again. */
  readonly failed: (text: string) => void;
  /** Reads a file. */
  readonly open?: (path: string) => TunnelFile;
  /** In milliseconds of a clock that is not set. */
  readonly now?: () => number;
}

/** Of a link before its tunnel's MTU is known, in bytes: every path takes it. */
export const MTU_UNKNOWN = 1280;
const NOBODY: ReadonlySet<string> = new Set();
const CHANGED = 'it has changed since it was read: run systemctl reload dwgd';
const SILENT = 'packets are sent, and no peer has answered for 15 s';

interface FileInTurn {
  readonly path: string;
  readonly names: PeerNames;
  file?: TunnelFile;
  state?: string | undefined;
  /** The least MTU of the paths to its peers, in bytes. */
  pathMtu?: number;
  /** Whether its names have been looked up once, and since it was last read. */
  wasTried: boolean;
  isStale: boolean;
  /** Why it was not read the last time. */
  problem?: string | undefined;
}

/** A file that was read. */
interface KnownFile {
  readonly path: string;
  readonly file: TunnelFile;
}

/** What follows from a look. */
interface FileStep {
  /** Why another file is in force from now on; absent: none is. */
  readonly change?: FailoverReason | undefined;
  /** For the log. */
  readonly told?: string | undefined;
}

export class ExitFiles {
  readonly #network: ExitNetwork;
  readonly #parts: Required<ExitFilesParts>;
  readonly #candidates: readonly FileInTurn[];
  #state: FailoverState | undefined;
  #isSilent = false;
  #change: FileStanding['change'];

  constructor(network: ExitNetwork, parts: ExitFilesParts) {
    this.#network = network;
    this.#parts = { open: openTunnelFile, now: () => performance.now(), ...parts };
    const { links, resolver, failed, now } = this.#parts;
    this.#candidates = network.files.map(path => {
      const names = new PeerNames({
        ...{ links, resolver, now },
        failed: text => failed(`dwgd.conf=${path}: ${text}`),
      });
      return { path, names, wasTried: false, isStale: true };
    });
  }

  /** Reads all files, before any is in force. @throws UserError for the first one that cannot be used */
  readAll(): void {
    for (const candidate of this.#candidates) this.#read(candidate);
  }

  /** Reads again those that can be read; of the others what was read before goes on. @param isStale else those that were not read */
  read(isStale: boolean): void {
    for (const candidate of this.#candidates) {
      if (candidate.file && !isStale) continue;
      try {
        this.#read(candidate);
      } catch (err) {
        candidate.problem = messageOf(err);
        this.#parts.failed(candidate.problem);
      }
    }
  }

  #read(candidate: FileInTurn): void {
    const state = stateOfFile(candidate.path);
    const file = this.#parts.open(candidate.path);
    checkExit(this.#network, file, candidate.path);
    candidate.file = file;
    candidate.state = state;
    candidate.isStale = true;
    candidate.problem = undefined;
  }

  /**
   * Begins with the file whose peers a tunnel has that was there already, else with the first one.
   * @param peers of that tunnel
   */
  begin(peers: readonly Pick<SeenPeer, 'publicKey'>[]): void {
    if (this.#state) return;
    const keys = new Set(peers.map(({ publicKey }) => `${publicKey}`));
    const found = this.#candidates.findIndex(
      ({ file }) =>
        file?.peers.length === keys.size && file.peers.every(({ publicKey }) => keys.has(`${publicKey}`)),
    );
    this.#state = { inForce: Math.max(found, 0), since: this.#parts.now() };
  }

  /** Resolves what names of the file in force are due. */
  async resolveCurrent(): Promise<void> {
    if (this.#current) await this.#resolve(this.#current);
  }

  /** Resolves what names are due, those of the file in force first. */
  async resolve(): Promise<void> {
    const current = this.#current;
    const rest = this.#candidates.filter(candidate => candidate !== current);
    for (const candidate of [...(current ? [current] : []), ...rest]) await this.#resolve(candidate);
  }

  async #resolve(candidate: FileInTurn): Promise<void> {
    const { file, names } = candidate;
    if (!file) return;
    const silent = candidate === this.#current ? this.#silent : NOBODY;
    const isMoved = await names.refresh(file, silent, this.#network.owner);
    if (!isMoved && !candidate.isStale) return;
    const found = names.endpoints(file);
    const mtus = await Promise.all(
      file.peers.flatMap(({ publicKey }) => {
        const endpoint = found.get(`${publicKey}`);
        return endpoint ? [this.#parts.links.mtu(undefined, { publicKey, endpoint })] : [];
      }),
    ).catch((err: unknown) => {
      this.#parts.failed(`cannot tell the MTU of dwgd.conf=${candidate.path}: ${messageOf(err)}`);
      return [];
    });
    if (candidate.file !== file) return;
    if (mtus.length > 0) candidate.pathMtu = Math.min(...mtus);
    candidate.isStale = mtus.length === 0;
    candidate.wasTried = true;
  }

  /**
   * What follows from a look.
   * @param peers of the tunnel of the file that is in force
   */
  step(peers: readonly SeenPeer[]): FileStep {
    const [state, current] = [this.#state, this.#current];
    if (!state || !current) return {};
    const { failback } = this.#network;
    const step = stepFailover(state, peers, this.#parts.now(), {
      files: this.#candidates.length,
      ...(failback !== undefined && { failbackMs: failback * 1000 }),
      isUsable: index => {
        const { file, names } = this.#candidates[index]!;
        return file !== undefined && names.isReached(file);
      },
    });
    if (step.isSilent && !this.#isSilent && !step.change && !state.rounds)
      this.#parts.failed(`dwgd.conf=${current.path} is silent: no peer has answered for 15 s`);
    this.#isSilent = step.isSilent && !step.change;
    this.#state = step.state;
    const told = tellFailover(state, step, this.#network.files);
    if (!step.change) return { told };
    // Of the peers that were looked at now.
    if (step.change === 'silent' && current.file)
      current.names.moveOn(current.file, new Set(peers.map(({ publicKey }) => `${publicKey}`)));
    const why = `it came in place of ${current.path}: ${FAILOVER_REASONS[step.change]}`;
    this.#change = { at: new Date(), why };
    return { change: step.change, told };
  }

  /** The one in force; undefined as long as it was not read, and its names not looked up. */
  get tunnel(): ExitTunnel | undefined {
    const current = this.#current;
    if (!current?.file || !current.wasTried) return undefined;
    const { file, names, pathMtu } = current;
    const others = this.#candidates.flatMap(candidate => candidate.file?.mtu ?? []);
    // Containers' links keep the MTU that they were made with.
    const mtu = Math.min(file.mtu ?? pathMtu ?? MTU_UNKNOWN, ...others);
    return { file, endpoints: names.endpoints(file), mtu: this.#network.mtu ?? mtu };
  }

  /** What containers are told at Join, whichever is in force: the first one that was read. */
  get first(): TunnelFile | undefined {
    return this.#candidates.find(({ file }) => file)?.file;
  }

  /** What was read, in the order in which it is used. */
  get known(): readonly KnownFile[] {
    return this.#candidates.flatMap(({ path, file }) => (file ? { path, file } : []));
  }

  /** How each file stands. Before any is in force that is the first one. */
  get standings(): readonly FileStanding[] {
    const inForce = this.#current ?? this.#candidates[0];
    return this.#candidates.map(candidate => {
      const { path, problem, names } = candidate;
      const isInForce = candidate === inForce;
      const hindrance = names.hindrance ?? (this.#isSilent ? SILENT : undefined);
      const isChanged = candidate.file && hasChanged(path, candidate.state);
      const told = problem ?? names.problem ?? (isChanged ? CHANGED : undefined);
      return {
        ...{ path, isInForce },
        ...(isInForce && this.#change && { change: this.#change }),
        ...(isInForce && this.#isSilent && { isSilent: true }),
        ...(isInForce && hindrance !== undefined && { hindrance }),
        ...(told !== undefined && { problem: told }),
      };
    });
  }

  /** Whether all was read, and it is known where all peers are that say so. */
  get isWhole(): boolean {
    return this.#candidates.every(({ file, names }) => {
      const found = file && names.endpoints(file);
      return file?.peers.every(({ publicKey, endpoint }) => !endpoint || found!.has(`${publicKey}`)) ?? false;
    });
  }

  get #current(): FileInTurn | undefined {
    return this.#state && this.#candidates[this.#state.inForce];
  }

  get #silent(): ReadonlySet<string> {
    return this.#state?.signs ? silentPeers(this.#state.signs) : NOBODY;
  }
}
