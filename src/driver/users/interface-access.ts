// Which interfaces of the host (ifname mode) an owner's containers may join: root's any, other users' those that the
// administrator names. Pure. Not here: the interface itself (driver/tunnel/host-interface.ts).

import { UserError } from '../../base/errors.js';
import type { Network } from '../spec/model.js';

/** The interface that a network joins although it is not open to the network's owner; undefined if there is none. */
export function closedInterface(
  { mode, owner }: Pick<Network, 'mode' | 'owner'>,
  open: ReadonlySet<string>,
): string | undefined {
  return owner !== 0 && mode.kind === 'ifname' && !open.has(mode.ifname) ? mode.ifname : undefined;
}

/**
 * @param known the network of that id as it is on record: one that joins the interface already goes on
 * @throws UserError when a network is to join an interface that is closed to its owner
 */
export function refuseClosedInterface(
  network: Pick<Network, 'mode' | 'owner'>,
  known: Pick<Network, 'mode'> | undefined,
  open: ReadonlySet<string>,
): void {
  const closed = closedInterface(network, open);
  if (closed === undefined) return;
  if (known?.mode.kind === 'ifname' && known.mode.ifname === closed) return;
  throw new UserError(
    `${closed} is not open to the Docker of user ${network.owner} (dwgd.ifname): ${remedy(closed)}, or use dwgd.pubkey and dwgd.endpoint`,
  );
}

/** What an administrator does to open an interface. */
function remedy(ifname: string): string {
  return `the administrator opens it by adding --rootless-ifname=${ifname} to the command line of dwgd`;
}
