// What a compose file's exit networks (`dwgd.conf`) would be refused for, and what of their files is passed over, each with its
// place. No key is told. Not here: labels (compose/preview.ts), what is wrong with a line (driver/exit).

import { UserError } from '../../base/errors.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import type { ComposeNetwork } from '../../compose/project.js';
import type { Place } from '../../compose/yaml-tree.js';
import type { Remark } from '../../driver/exit/tunnel-file.js';
import { lookAtTunnelFile } from '../../driver/files/tunnel-files.js';
import { checkDirectOptions } from '../../driver/router/join-exit.js';
import { isExit, parseExitOptions } from '../../driver/spec/exit-options.js';

const OPTION = 'dwgd.conf';

/** Something about a network, and where that stands: in the compose file, or in the file of the tunnel. */
export interface NetworkRemark {
  readonly place: Place;
  readonly network: string;
  readonly message: string;
}

export interface ToldOfNetworks {
  /** For which Docker would refuse the network. */
  readonly mistakes: readonly NetworkRemark[];
  readonly warnings: readonly NetworkRemark[];
}

/** Files that this user cannot read, or that are not here, are said and are no mistake: the plan may be for another machine. */
export function lookAtExits(networks: Iterable<ComposeNetwork>): ToldOfNetworks {
  const mistakes: NetworkRemark[] = [];
  const warnings: NetworkRemark[] = [];
  for (const { key: network, driver, options, optionPlaces, isExternal, ipamDriver } of networks) {
    const given = new Map(Object.entries(options));
    const at = optionPlaces.get(OPTION);
    if (driver !== DRIVER_NAME || isExternal || !at || !isExit(given)) continue;
    let files: readonly string[];
    try {
      const parsed = parseExitOptions(given);
      if (ipamDriver === 'null') checkDirectOptions(parsed);
      ({ files } = parsed);
    } catch (err) {
      mistakes.push({ place: at, network, message: sentenceOf(err) });
      continue;
    }
    for (const path of files) {
      const inFile = ({ line, sentence }: Remark): NetworkRemark => ({
        place: { file: path, line, column: 1 },
        network,
        message: sentence,
      });
      try {
        const found = lookAtTunnelFile(path);
        if ('mistakes' in found) mistakes.push(...found.mistakes.map(inFile));
        else warnings.push(...found.passedOver.map(inFile));
      } catch (err) {
        const told = { place: at, network, message: sentenceOf(err) };
        if (isElsewhere(err)) warnings.push({ ...told, message: `not looked at: ${told.message}` });
        else mistakes.push(told);
      }
    }
  }
  return { mistakes, warnings };
}

/** @throws what is no UserError */
function sentenceOf(err: unknown): string {
  if (err instanceof UserError) return err.message;
  throw err;
}

/** Whether a file is not here, or another's: only root's own are the daemon's. */
function isElsewhere(err: unknown): boolean {
  const { code } = err as UserError;
  return process.geteuid!() !== 0 || code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES';
}
