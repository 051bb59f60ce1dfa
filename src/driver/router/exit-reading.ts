// What an exit network's tunnel is now, read when somebody asks. Not here: what it is to be (desired-router.ts), what is made of
// it (driver/exit-status.ts).

import { messageOf } from '../../base/errors.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import { type ExitTunnel, isResolved } from './exit-tunnel.js';
import type { ExitRouter } from './router.js';

/** How a file stands, for whoever asks. */
export interface FileStanding {
  readonly path: string;
  readonly isInForce: boolean;
  /** Of the one in force, where it has come in place of another. */
  readonly change?: { readonly at: Date; readonly why: string };
  /** Of the one in force, where no other can be, or none is answered. */
  readonly isSilent?: true;
  /** Of the one in force: why nothing comes back. */
  readonly hindrance?: string;
  /** Why it was not read, or a name in it not resolved, the last time, or that it has changed: what was known before goes on. */
  readonly problem?: string;
}

export interface ExitReading {
  /** All files, one of them in force. */
  readonly files: readonly FileStanding[];
  /** What the one in force says; absent: not known. */
  readonly tunnel?: ExitTunnel;
  /** As the kernel has it, keys and all; absent: there is none, or it cannot be read. */
  readonly device?: WgDevice;
  /** Of the router; absent: there is none. */
  readonly netns?: { readonly key: string; readonly path: string };
  /** Why nothing goes out, or not to all peers. */
  readonly problem?: string;
  /** What is wrong with containers' links to the router, by endpoint. */
  readonly lost?: ReadonlyMap<string, string>;
}

/** What is known of a network beside its router. */
interface Known {
  readonly standings: readonly FileStanding[];
  readonly tunnel?: ExitTunnel | undefined;
  /** Why the router is not as it is to be. */
  readonly failure?: string | undefined;
}

/** @param router absent: there is none yet */
export function readExit(
  { standings, tunnel, failure }: Known,
  router: Pick<ExitRouter, 'device' | 'netns'> | undefined,
): ExitReading {
  const found = {
    files: standings,
    ...(tunnel && { tunnel }),
    ...(router && { netns: router.netns }),
  };
  const inForce = standings.find(({ isInForce }) => isInForce);
  const why = failure ?? inForce?.problem;
  if (!router) return { ...found, problem: why ?? 'its router is not there yet' };
  return {
    ...found,
    ...readTunnel({ standings, tunnel, failure }, () => router.device(), 'its router has no tunnel yet'),
  };
}

/** Of a container that has the tunnel itself. */
export const NO_TUNNEL = 'its tunnel is not in its container: restart the container';

/**
 * The same of a network without a router.
 * @param hasContainer whether one is on it
 * @param read that container's link; undefined where it is not there
 */
export function readDirect(
  known: Known,
  hasContainer: boolean,
  read: () => WgDevice | undefined,
): ExitReading {
  const found = { files: known.standings, ...(known.tunnel && { tunnel: known.tunnel }) };
  if (hasContainer) return { ...found, ...readTunnel(known, read, NO_TUNNEL) };
  const problem = known.standings.find(({ isInForce }) => isInForce)?.problem;
  return { ...found, ...(problem !== undefined && { problem }) };
}

function readTunnel(
  { standings, tunnel, failure }: Known,
  read: () => WgDevice | undefined,
  noDevice: string,
): Pick<ExitReading, 'device' | 'problem'> {
  const inForce = standings.find(({ isInForce }) => isInForce);
  const why = failure ?? inForce?.problem;
  try {
    const device = read();
    if (!device) return { problem: why ?? noDevice };
    // Of what is well now, what was wrong with a file or a name is no hindrance.
    const isWell = tunnel && isResolved(tunnel);
    const problem = isWell ? (failure ?? inForce?.hindrance) : (why ?? 'its file is not read yet');
    return { device, ...(problem !== undefined && { problem }) };
  } catch (err) {
    return { problem: messageOf(err) };
  }
}
