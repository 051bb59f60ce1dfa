// What an exit network's tunnel is now, read when somebody asks. Not here: what it is to be (desired-router.ts), what is made of
// it (driver/exit-status.ts).

import { messageOf } from '../../base/errors.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import type { ExitNetwork } from '../spec/model.js';
import { type ExitTunnel, isResolved } from './exit-tunnel.js';
import type { ExitRouter } from './router.js';

export interface ExitReading {
  /** Of the file that is in force. */
  readonly path: string;
  /** What that says; absent: not known. */
  readonly tunnel?: ExitTunnel;
  /** As the kernel has it, keys and all; absent: there is none, or it cannot be read. */
  readonly device?: WgDevice;
  /** Why nothing goes out, or not to all peers. */
  readonly problem?: string;
  /** What is wrong with containers' links to the router, by endpoint. */
  readonly lost?: ReadonlyMap<string, string>;
}

/** A router that is there, and its tunnel where that is known. */
interface Readable {
  readonly router: Pick<ExitRouter, 'device'>;
  readonly tunnel?: ExitTunnel;
}

/**
 * @param live absent: there is no router yet
 * @param lastLogged of what keeps it from working
 */
export function readExit(
  { files }: Pick<ExitNetwork, 'files'>,
  live: Readable | undefined,
  lastLogged: string | undefined,
): ExitReading {
  const [path = ''] = files;
  if (!live) return { path, problem: lastLogged ?? 'its router is not there yet' };
  const { router, tunnel } = live;
  const found = { path, ...(tunnel && { tunnel }) };
  try {
    const device = router.device();
    if (!device) return { ...found, problem: lastLogged ?? 'its router has no tunnel yet' };
    // Of what is well now, what was logged is over.
    const problem = tunnel && isResolved(tunnel) ? undefined : (lastLogged ?? 'its file is not read yet');
    return { ...found, device, ...(problem !== undefined && { problem }) };
  } catch (err) {
    return { ...found, problem: messageOf(err) };
  }
}
