// What labels leave open, or ask for in vain, as the daemon itself tells it. Pure. Not here: finding it
// (labels/planner/warnings.ts, labels/diff/foreign-firewall.ts).

import { plain } from '../../base/plain-text.js';
import type { Risk } from '../../labels/spec/intent.js';
import type { Facts, LabelTold } from './facts.js';
import { type Check, splitSentence, type Told } from './finding.js';

const REASON_MAX = 400;
const CORRECT_IT = 'correct the label, and make the container again';

const HEADINGS: Readonly<Record<Risk, string>> = {
  'host-dns': "DNS goes past a label's route",
  ipv6: "IPv6 goes past a label's route",
  'lan-dns': 'A resolver of the LAN is out of reach',
  'open-way': 'A gateway forwards past its tunnel',
  internal: 'An internal network keeps a gateway out',
  answers: 'Answers do not go back by the router that clients come by',
};

const ofRisk =
  (risk: Risk | undefined) =>
  (facts: Facts): readonly Told[] =>
    facts.labels.told.filter(told => told.risk === risk).map(toldOf);

export const LEAK_CHECKS: readonly Check[] = [
  ...(Object.keys(HEADINGS) as Risk[]).map(risk => ({ heading: HEADINGS[risk], find: ofRisk(risk) })),
  {
    heading: "A gateway's own firewall drops what it is to forward",
    find: ({ labels }) =>
      labels.firewalls.map(({ container, message }) => splitSentence(container, message, CORRECT_IT)),
  },
  {
    heading: 'Changes by others are not heard',
    find: ({ labels: { deafBecause } }) =>
      deafBecause === undefined
        ? []
        : [
            {
              what: `what others change in containers with labels is mended after half a minute, not at once: ${plain(deafBecause, REASON_MAX)}`,
              remedy:
                'give dwgd CAP_NET_BROADCAST, as its unit and its image have it, and Linux 4.2 or later; then restart it (systemctl restart dwgd)',
            },
          ],
  },
  { heading: 'A label is not in force', find: ofRisk(undefined) },
  {
    heading: 'Labels cannot be read',
    find: ({ labels: { unread } }) =>
      unread === undefined
        ? []
        : [
            {
              what: `what labels come to cannot be told: ${unread}`,
              remedy: 'mend what it names, and run dwgd doctor again',
            },
          ],
  },
];

function toldOf({ container, key, message }: LabelTold): Told {
  return splitSentence(`${container} ${key}`, message, CORRECT_IT);
}
