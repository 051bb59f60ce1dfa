// `dwgd plan <compose.yml>`: what the labels of a compose file would do. Not here: the plan (compose/preview.ts), its text
// (planned-state.ts), containers (plan-container.ts).

import { plain } from '../../base/plain-text.js';
import { forTerminal } from '../../base/text.js';
import { type PlacedDiagnostic, type Preview, previewProject } from '../../compose/preview.js';
import { formatPlace } from '../../compose/yaml-tree.js';
import { readComposeProject } from './compose-files.js';
import { lookAtExits, lookAtForwards, type NetworkRemark, type ToldOfNetworks } from './plan-exits.js';
import type { PlanFlags } from './plan-flags.js';
import { plannedHostRoutes, plannedStates, printStates, withNames } from './planned-state.js';

const MAX_NAME = 128;

/** @param files compose files and their folders; none: as docker compose finds its file. @throws UserError */
export function planProject(files: readonly string[], flags: PlanFlags): void {
  const environment = new Map(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );
  const project = readComposeProject(
    {
      files,
      profiles: flags.profile,
      ...(flags.projectName !== undefined && { projectName: flags.projectName }),
    },
    environment,
  );
  const planned = previewProject(project, {
    allowHostRoutes: flags.allowHostRoutes,
    strict: flags.strict === true,
  });
  const exits = lookAtExits(project.networks.values());
  const forwards = lookAtForwards(project);
  const preview = {
    ...planned,
    mistakes: [...planned.mistakes, ...forwards.mistakes],
    warnings: [...planned.warnings, ...forwards.warnings],
  };
  process.stdout.write(flags.json ? asJson(preview, exits) : asText(preview));
  if (!flags.json) process.stderr.write(forTerminal(talkOf(preview, exits)));
  if (preview.mistakes.length + exits.mistakes.length > 0) process.exitCode = 1;
}

function asText({ sandboxes, hostRoutes, names }: Preview): string {
  return printStates(plannedStates(sandboxes), plannedHostRoutes(hostRoutes), names);
}

/** Mistakes, warnings and notes, a line each. */
function talkOf({ mistakes, warnings, notes, names }: Preview, exits: ToldOfNetworks): string {
  const line = (kind: string, { place, container, key, message }: PlacedDiagnostic): string =>
    `${formatPlace(place)}: ${kind}${container}: ${key}: ${withNames(message, names)}\n`;
  const ofNetwork = (kind: string, { place, network, message }: NetworkRemark): string =>
    `${formatPlace(place)}: ${kind}network ${plain(network, MAX_NAME)}: ${message}\n`;
  return [
    ...mistakes.map(one => line('', one)),
    ...exits.mistakes.map(one => ofNetwork('', one)),
    ...warnings.map(one => line('warning: ', one)),
    ...exits.warnings.map(one => ofNetwork('warning: ', one)),
    ...notes.map(note => `note: ${note}\n`),
  ].join('');
}

function asJson(
  { sandboxes, hostRoutes, mistakes, warnings, notes, names }: Preview,
  exits: ToldOfNetworks,
): string {
  const told = ({ place, ...rest }: PlacedDiagnostic | NetworkRemark) => ({ ...place, ...rest });
  const all = {
    namespaces: plannedStates(sandboxes),
    hostRoutes: plannedHostRoutes(hostRoutes),
    mistakes: [...mistakes, ...exits.mistakes].map(told),
    warnings: [...warnings, ...exits.warnings].map(told),
    notes,
  };
  const named = JSON.parse(JSON.stringify(all), (_, value: unknown) =>
    typeof value === 'string' ? withNames(value, names) : value,
  ) as unknown;
  return `${JSON.stringify(named, null, 2)}\n`;
}
