// What a running daemon tells of the exit networks that Docker has. Not here: what follows (doctor/checks/exit-networks.ts), their files
// as they are on the disk (files.ts).

import { UserError } from '../../base/errors.js';
import type { NetworkStatus, Status } from '../../control/answers.js';
import { isExit } from '../../driver/spec/exit-options.js';
import type { ExitFacts } from '../checks/facts.js';
import type { OwnNetwork } from './docker.js';

/** @param askStatus asks the daemon; throws UserError where that gives no answer. It is asked where there is such a network alone */
export async function probeExits(
  networks: readonly OwnNetwork[],
  askStatus: (() => Promise<Pick<Status, 'networks' | 'driver'>>) | undefined,
): Promise<ExitFacts[]> {
  const exits = networks.filter(({ options }) => isExit(options));
  if (exits.length === 0) return [];
  const status = await askStatus?.().catch(unlessBug);
  if (!status || status.driver.state === 'off') return [];
  return exits.map(({ id, name: network }) => {
    const known = status.networks.find(one => one.id === id);
    return { network, ...(known && { known: knownOf(known) }) };
  });
}

function knownOf({ exit, subnets }: NetworkStatus): NonNullable<ExitFacts['known']> {
  const { problem, isSilent = false, peers = [], files = [], assigned } = exit ?? {};
  return {
    ...(problem !== undefined && { problem }),
    ...(assigned?.problem !== undefined && { portProblem: assigned.problem }),
    isSilent,
    isDirect: subnets.length === 0,
    endpoints: peers.flatMap(({ endpoint }) => endpoint ?? []),
    files: files.flatMap(({ path, problem }) => (problem === undefined ? [] : { path, problem })),
  };
}

/** That it does not run is told by itself. */
function unlessBug(err: unknown): undefined {
  if (!(err instanceof UserError)) throw err;
}
