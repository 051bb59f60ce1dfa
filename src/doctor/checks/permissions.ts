// Files that are open to others, or that dwgd would refuse. Pure. Not here: looking at them (doctor/probes/files.ts).

import { plain } from '../../base/plain-text.js';
import type { FileFacts } from './facts.js';
import { type Check, splitSentence, type Told } from './finding.js';

const NAME_MAX = 160;
/** Of others and the group: what may be done with a file of secrets, and with a folder of sockets. */
const [ANY, WRITE] = [0o077, 0o022] as const;

export const PERMISSION_CHECKS: readonly Check[] = [
  {
    heading: 'The database is open to others',
    find: ({ permissions: { database } }) =>
      database.flatMap(file => openTo(file, ANY, 'holds seeds and keys', '600')),
  },
  {
    heading: 'A file of secrets cannot be used',
    find: ({ permissions: { secrets } }) =>
      secrets.map(({ network, why }) =>
        splitSentence(
          `network ${plain(network, NAME_MAX)}`,
          why,
          "make it a file of root's that nobody else can read (chown root, chmod 600)",
        ),
      ),
  },
  {
    heading: 'A socket of dwgd is open to others',
    find: ({ permissions: { sockets } }) =>
      sockets.flatMap(file =>
        file.path.endsWith('.sock')
          ? openTo(file, ANY, 'takes commands of Docker', '600')
          : openTo(file, WRITE, 'holds the sockets of dwgd', '755'),
      ),
  },
  {
    heading: 'The configuration is refused',
    find: ({ configuration }) =>
      configuration === undefined
        ? []
        : [
            {
              what: configuration,
              remedy: 'correct it, see what is in force (dwgd config), and run systemctl restart dwgd',
            },
          ],
  },
];

function openTo({ path, uid, mode }: FileFacts, bits: number, what: string, right: string): Told[] {
  const shown = plain(path, NAME_MAX);
  if (uid !== 0)
    return [{ what: `${shown} ${what}, and belongs to user ${uid}`, remedy: `run chown root ${shown}` }];
  if ((mode & bits) === 0) return [];
  return [
    {
      what: `${shown} ${what}, and has mode ${mode.toString(8)}: other users may use it`,
      remedy: `run chmod ${right} ${shown}`,
    },
  ];
}
