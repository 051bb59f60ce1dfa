// Whether the daemon works: it does if no half of it is failing. Pure. Not here: whether a half is (driver/status.ts,
// labels/status.ts).

import type { HalfHealth, Health } from './answers.js';
import type { Daemon } from './halves.js';

const OFF: HalfHealth = { state: 'off' };

export function healthOf({ driver, labels }: Pick<Daemon, 'driver' | 'labels'>): Health {
  const halves = { driver: driver?.health() ?? OFF, labels: labels?.health() ?? OFF };
  return { healthy: Object.values(halves).every(({ state }) => state !== 'failing'), ...halves };
}
