// The settings of the service of this host: the flags of its unit, its variables, the file. Nothing is asked of systemd. Not
// here: how units are found (doctor/probes/unit.ts), which source counts (sources.ts).

import { Command, CommanderError } from 'commander';
import { readDockerHost, UsageError } from './flag-values.js';
import { givenBy } from './flags.js';
import { type Resolved, resolveSettings } from './sources.js';

/**
 * What the daemon has when systemd starts it; without a unit, what it would have here.
 * @param dockerHost by a flag of the command that asks, before all else
 * @throws UsageError where a variable, the file or the unit has a mistake
 */
export async function settingsOfService(dockerHost?: string): Promise<Resolved> {
  const { commandOfUnit } = await import('../../doctor/probes/unit.js');
  const { HostTree } = await import('../../doctor/probes/file-tree.js');
  const unit = commandOfUnit(new HostTree());
  const { flags, file } = flagsOf(unit.words);
  const given =
    dockerHost === undefined
      ? flags
      : new Map([...flags, ['docker-host', readDockerHost(dockerHost)] as const]);
  return resolveSettings({
    flags: given,
    flagOrigin: 'flag in dwgd.service',
    environment: { ...process.env, ...unit.environment },
    file,
  });
}

function flagsOf(words: readonly string[]): ReturnType<typeof givenBy> {
  try {
    return givenBy(words, new Command('dwgd'));
  } catch (err) {
    if (!(err instanceof CommanderError)) throw err;
    throw new UsageError(`dwgd.service: ${err.message.replace(/^error: /, '')}`);
  }
}
