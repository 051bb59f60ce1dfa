// Programs as the unit starts its own: with the capabilities that it leaves to root, and with its variables.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const UNIT = join(import.meta.dirname, '../../../systemd/dwgd.service');

/** What to run a program under: setpriv(1) with the bounding set of a unit, for root. */
export function withUnitCapabilities(unit = readFileSync(UNIT, 'utf8')): string[] {
  const [, names] = /^CapabilityBoundingSet=(CAP_.*)$/m.exec(unit)!;
  const set = names!.split(' ').map(name => `+${name.replace('CAP_', '').toLowerCase()}`);
  return ['/usr/bin/setpriv', `--bounding-set=-all,${set.join(',')}`];
}

/** The variables that a unit sets for its program. */
export function unitEnvironment(unit = readFileSync(UNIT, 'utf8')): Record<string, string> {
  const lines = unit.matchAll(/^Environment=(\w+)=(\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}
