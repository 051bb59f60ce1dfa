// What a compose file's exit networks (`dwgd.conf`) would be refused for, what of their files is passed over, and which ports are not
// forwarded (`dwgd.forward`), each with its place. No key is told. Not here: labels (compose/preview.ts), what is wrong with a line (driver/exit).

import { UserError } from '../../base/errors.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import { plain } from '../../base/plain-text.js';
import type { PlacedDiagnostic } from '../../compose/preview.js';
import type { ComposeNetwork, Project } from '../../compose/project.js';
import type { Place } from '../../compose/yaml-tree.js';
import { natpmpGateway, noGateway } from '../../driver/exit/natpmp-gateway.js';
import type { Remark } from '../../driver/exit/tunnel-file.js';
import { lookAtTunnelFile } from '../../driver/files/tunnel-files.js';
import { checkDirectOptions } from '../../driver/router/join-exit.js';
import { isExit, parseExitOptions } from '../../driver/spec/exit-options.js';
import { asksForAssigned, FORWARD, NONE_ASSIGNED, parseForwards } from '../../driver/spec/forwarded-ports.js';
import type { ExitOptions } from '../../driver/spec/model.js';
import { NATPMP_OFF } from '../../driver/spec/option-table.js';

const NAME_MAX = 128;

const [OPTION, NATPMP] = ['dwgd.conf', 'dwgd.natpmp'] as const;

/** Something about a network, and where that stands: in the compose file, or in the file of the tunnel. */
export interface NetworkRemark {
  readonly place: Place;
  readonly network: string;
  readonly message: string;
}

/** What is told of networks, or of labels on them. */
interface ToldPlaces<T> {
  /** For which Docker would refuse the network, or a label has no effect. */
  readonly mistakes: readonly T[];
  readonly warnings: readonly T[];
}

export type ToldOfNetworks = ToldPlaces<NetworkRemark>;

/** Files that this user cannot read, or that are not here, are said and are no mistake: the plan may be for another machine. */
export function lookAtExits(networks: Iterable<ComposeNetwork>): ToldOfNetworks {
  const mistakes: NetworkRemark[] = [];
  const warnings: NetworkRemark[] = [];
  for (const { key: network, driver, options, optionPlaces, isExternal, ipamDriver } of networks) {
    const given = new Map(Object.entries(options));
    const at = optionPlaces.get(OPTION);
    if (driver !== DRIVER_NAME || isExternal || !at || !isExit(given)) continue;
    let read: ExitOptions;
    try {
      read = parseExitOptions(given);
      if (ipamDriver === 'null') checkDirectOptions(read);
    } catch (err) {
      mistakes.push({ place: at, network, message: sentenceOf(err) });
      continue;
    }
    const { files, natpmp } = read;
    for (const path of files) {
      const inFile = ({ line, sentence }: Remark): NetworkRemark => ({
        place: { file: path, line, column: 1 },
        network,
        message: sentence,
      });
      try {
        const found = lookAtTunnelFile(path);
        if ('mistakes' in found) mistakes.push(...found.mistakes.map(inFile));
        else {
          warnings.push(...found.passedOver.map(inFile));
          const gateway = natpmp && natpmpGateway(natpmp, found);
          if (gateway && 'why' in gateway)
            mistakes.push({
              ...{ place: optionPlaces.get(NATPMP) ?? at, network },
              message: noGateway(path, gateway.why),
            });
        }
      } catch (err) {
        const told = { place: at, network, message: sentenceOf(err) };
        if (isElsewhere(err)) warnings.push({ ...told, message: `not looked at: ${told.message}` });
        else mistakes.push(told);
      }
    }
  }
  return { mistakes, warnings };
}

/** Labels that open ports at the tunnel's address: values that cannot be read, and an assigned port that there is not, or only once. */
export function lookAtForwards({ services, networks }: Project): ToldPlaces<PlacedDiagnostic> {
  const mistakes: PlacedDiagnostic[] = [];
  const warnings: PlacedDiagnostic[] = [];
  /** The services that get the ports which providers assign, by networks. */
  const takers = new Map<string, string>();
  for (const { name, labels, connections, scale } of services) {
    const label = labels.find(({ key }) => key === FORWARD);
    if (!label) continue;
    const container = plain(name, NAME_MAX);
    const told = (message: string): PlacedDiagnostic => ({
      place: label.place,
      container,
      key: FORWARD,
      message,
    });
    const own = connections.flatMap(({ network }) => networks.get(network) ?? []);
    const exits = own.filter(({ driver, options }) => driver === DRIVER_NAME && OPTION in options);
    const asking = exits.filter(({ options }) => (options[NATPMP] ?? NATPMP_OFF) !== NATPMP_OFF);
    try {
      parseForwards(label.value);
    } catch (err) {
      mistakes.push(told(sentenceOf(err)));
      continue;
    }
    // What is external may be anything.
    if (own.some(({ isExternal }) => isExternal)) continue;
    if (exits.length === 0)
      warnings.push(
        told('it is for exit networks (dwgd.conf), and the service is on none: nothing is forwarded'),
      );
    else if (asksForAssigned(label.value)) {
      if (asking.length === 0) mistakes.push(told(NONE_ASSIGNED));
      for (const { key } of asking) {
        const holder = takers.get(key) ?? (scale > 1 ? container : undefined);
        if (holder !== undefined)
          warnings.push(
            told(
              `of ${plain(key, NAME_MAX)} one container of ${holder} alone gets the port that the provider assigns`,
            ),
          );
        takers.set(key, takers.get(key) ?? container);
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
