// How a way ends in the router of an exit network, in one sentence. Pure. Not here: how it gets there (departure.ts), the way
// through the router (machine/walk.ts).

import { plain } from '../base/plain-text.js';
import type { ExitPlace } from '../control/halves.js';
import type { WgPeer } from '../netlink/wireguard/device.js';
import { formatSocketAddress } from '../netlink/wireguard/device.js';
import { type Ending, ending, type Hop } from './hop.js';
import type { HopEnd } from './machine/walk.js';

const [NAME_MAX, PROBLEM_MAX] = [128, 400] as const;

/** Its namespace is not there, or not to be had. */
export function closedExit(hop: Pick<Hop, 'at'>, exit: ExitPlace): Ending {
  const problem = exit.problem === undefined ? '' : `: ${plain(exit.problem, PROBLEM_MAX)}`;
  if (exit.netns) return ending(hop, 'dropped', `dropped: the router of ${named(exit)} is gone${problem}`);
  return ending(
    hop,
    'unknown',
    `cannot be told: the router of ${named(exit)} is not to be looked into${problem}`,
  );
}

/** Undefined where what is said of any namespace says it. */
export function stopAtExit(
  hop: Pick<Hop, 'at' | 'packet'>,
  exit: ExitPlace,
  end: Exclude<HopEnd, { kind: 'leaves' }>,
): Ending | undefined {
  const { family } = hop.packet;
  const problem = exit.problem === undefined ? undefined : plain(exit.problem, PROBLEM_MAX);
  if (end.kind === 'not forwarded')
    return ending(
      hop,
      'dropped',
      `dropped: ${named(exit)} takes no IPv${family} out: ${problem ?? `its file ${exit.file}, or the network, has none`}`,
    );
  if (end.kind === 'no route')
    return ending(
      hop,
      'dropped',
      `dropped: the tunnel of ${named(exit)} has no way for it: ${problem ?? `no peer of ${exit.file} has it in its AllowedIPs`}`,
    );
  return undefined;
}

/** By the tunnel. */
export function goesByExit(
  hop: Pick<Hop, 'at'>,
  exit: ExitPlace,
  link: string,
  { publicKey, endpoint, lastHandshake }: Pick<WgPeer, 'publicKey' | 'endpoint' | 'lastHandshake'>,
): Ending {
  const at = endpoint ? ` at ${formatSocketAddress(endpoint)}` : '';
  const words = `goes by ${named(exit)} (file ${exit.file}, peer ${publicKey}${at})`;
  const noAnswer = lastHandshake === 0 ? 'there was no handshake yet' : undefined;
  const but = exit.problem === undefined ? noAnswer : plain(exit.problem, PROBLEM_MAX);
  return ending(hop, 'tunnel', but === undefined ? words : `${words}, but ${but}`, { link });
}

function named({ name }: ExitPlace): string {
  return `exit network ${plain(name, NAME_MAX)}`;
}
