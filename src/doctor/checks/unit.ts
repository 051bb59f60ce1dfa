// Faults of the service: that it does not run, is not started at boot, or comes up after Docker. Pure. Not here: where units
// are (doctor/probes/unit.ts).

import type { ConfFile, ServiceFacts } from './facts.js';
import { type Check, when } from './finding.js';
import { lastOf, wordsOf } from './ini.js';

const [DWGD, DOCKER] = ['dwgd.service', 'docker.service'] as const;

export const SERVICE_CHECKS: readonly Check[] = [
  {
    heading: 'dwgd does not run',
    find: ({ daemon }) =>
      when(
        !daemon.driver && !daemon.labels,
        'dwgd does not run, so containers on its networks do not start, and no labels are applied',
        'start it (systemctl start dwgd), and see why it ended (journalctl -u dwgd)',
      ),
  },
  {
    heading: 'Docker does not find dwgd',
    find: ({ daemon: { driver, socket } }) =>
      driver && socket !== undefined
        ? [{ what: socket, remedy: 'restart dwgd (systemctl restart dwgd), which makes it anew' }]
        : [],
  },
  {
    heading: 'dwgd is not started at boot',
    find: ({ service }) => {
      if (!service.isSystemd || (!service.dwgd && !service.isMasked)) return [];
      if (service.isMasked)
        return [
          {
            what: 'the unit dwgd.service is masked, so it cannot be started',
            remedy: 'run systemctl unmask dwgd, then systemctl enable --now dwgd',
          },
        ];
      return when(
        !service.isEnabled,
        'the unit dwgd.service is not enabled, so dwgd does not run after the next boot, and containers on its networks do not start again',
        'run systemctl enable dwgd',
      );
    },
  },
  {
    heading: 'dwgd comes up after Docker',
    find: ({ service }) => {
      const { isSystemd, dwgd, docker } = service;
      if (!isSystemd || !dwgd || !docker) return [];
      const why = whyLate(dwgd, docker);
      return why === undefined
        ? []
        : [
            {
              what: `${why}, so after a boot Docker may want containers' links before dwgd answers, and does not start these containers again`,
              remedy: remedyFor(service),
            },
          ];
    },
  },
];

function whyLate(dwgd: readonly ConfFile[], docker: readonly ConfFile[]): string | undefined {
  const [own, theirs] = [dwgd, docker].map(files => files.map(({ text }) => text)) as [string[], string[]];
  const isAfter =
    wordsOf(own, 'Unit', 'After').includes(DOCKER) || wordsOf(theirs, 'Unit', 'Before').includes(DWGD);
  if (isAfter) return 'the unit dwgd.service is ordered after docker.service';
  const isBefore =
    wordsOf(own, 'Unit', 'Before').includes(DOCKER) || wordsOf(theirs, 'Unit', 'After').includes(DWGD);
  if (!isBefore) return 'the unit dwgd.service is not ordered before docker.service';
  // Only then systemd waits until it answers.
  const type = lastOf(own, 'Service', 'Type');
  return type?.startsWith('notify') ? undefined : `the unit dwgd.service is of Type=${type ?? 'simple'}`;
}

/** Drop-ins are somebody's: the one that says otherwise is named. */
function remedyFor({ dwgd = [] }: ServiceFacts): string {
  const dropIns = dwgd.slice(1).map(({ path }) => path);
  const beside = dropIns.length > 0 ? ` and look into ${dropIns.slice(0, 4).join(', ')}` : '';
  return `have "Before=docker.service" in its section [Unit] and "Type=notify" in [Service], as dwgd brings it (systemctl cat dwgd)${beside}; then systemctl daemon-reload`;
}
