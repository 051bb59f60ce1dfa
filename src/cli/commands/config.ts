// `dwgd config`: the settings in force, and where each came from. As text it is a file of settings. Not here: which count
// (cli/settings/sources.ts).

import { DEFAULT_DOCKER_HOST } from '../../docker/docker-host.js';
import { plainValue, SETTINGS } from '../settings/settings-table.js';
import type { Resolved } from '../settings/sources.js';

/** Lines of TOML, each with its origin behind it. */
export function configAsText(resolved: Resolved): string {
  const lines = shown(resolved).map(
    ({ key, value, origin }) => [`${key} = ${JSON.stringify(value)}`, origin] as const,
  );
  const width = Math.max(...lines.map(([line]) => line.length));
  return lines.map(([line, origin]) => `${line.padEnd(width)}  # ${origin}\n`).join('');
}

export function configAsJson(resolved: Resolved): string {
  return `${JSON.stringify({ file: resolved.file ?? null, settings: shown(resolved) }, null, 2)}\n`;
}

function shown({ settings, origins }: Resolved) {
  return SETTINGS.map(({ key }) => {
    const value = settings[key];
    const origin = origins.get(key)!;
    // What no setting says, the variable of docker(1) does.
    if (key !== 'docker-host' || value !== undefined) return { key, value: plainValue(key, value), origin };
    const given = process.env.DOCKER_HOST;
    return { key, value: given || DEFAULT_DOCKER_HOST, origin: given ? 'DOCKER_HOST' : origin };
  });
}
