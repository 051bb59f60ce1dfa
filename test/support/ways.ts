// A daemon that knows the ways of two made-up containers, and the sentences for all else.
import { UserError } from '../../src/base/errors.js';
import type { Way } from '../../src/control/answers.js';
import type { AskWay } from '../../src/control/halves.js';
import { destinationMistake, readDestination } from '../../src/explain/question.js';

/** By the tunnel of a gateway, past a rule that may be for it. */
export const WAY: Way = {
  container: 'qbittorrent',
  destination: '203.0.113.5:443/tcp',
  steps: [
    { container: 'qbittorrent', kind: 'route', text: 'route: default via 172.20.0.2 dev eth0, of a label' },
    {
      container: 'qbittorrent',
      kind: 'rule',
      text: 'output: rule limited may decide otherwise',
      isDoubt: true,
    },
    { container: 'wireguard-client', kind: 'route', text: 'route: default dev wg0' },
    {
      container: 'wireguard-client',
      kind: 'translation',
      text: 'postrouting: the source is translated by rule 1',
    },
  ],
  outcome: { kind: 'tunnel', container: 'wireguard-client', link: 'wg0', next: '10.8.0.1' },
  isSure: false,
  sentence:
    'goes by wg0 of wireguard-client (unless: in qbittorrent, output: rule limited may decide otherwise)',
};

/** Of qbittorrent to any destination; web does not run. */
export const askWay: AskWay = async (name, to) => {
  if (!readDestination(to)) throw new UserError(destinationMistake(to), { code: 'EINVAL' });
  if (name === 'web')
    throw new UserError('"web" is not running, so that there is no way to ask about: start it');
  if (name === 'busy') throw new UserError('too many ways are being asked for', { code: 'EBUSY' });
  if (name !== 'qbittorrent') throw new UserError('there is no container of that name', { code: 'ENOENT' });
  return WAY;
};
