// The way of a packet without a daemon: Docker is asked for its containers, and the kernel for the rest. Loaded where the daemon
// does not tell it. Not here: its text (explain.ts), the way itself (explain/containers.ts).

import type { Way } from '../../control/answers.js';
import { findDockerHost } from '../../docker/docker-host.js';
import { explainLive } from '../../explain/containers.js';
import { readDestination } from '../../explain/question.js';
import { type Find, findContainer } from '../../labels/find-container.js';
import { withDockerRemedy } from './docker-remedy.js';

/** @param at where Docker is; absent: where it usually is. @throws UserError, Error */
export async function explainByDocker(
  name: string,
  destination: string,
  at: string | undefined,
): Promise<Way> {
  const dockerHost = findDockerHost(at);
  const find: Find = containers => findContainer(name, containers);
  return explainLive({ dockerHost }, find, readDestination(destination)!).catch(err => {
    throw withDockerRemedy(err, dockerHost, 'or say where it is by --docker-host');
  });
}
