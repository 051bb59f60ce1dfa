// dockerode without the parts that talk to a BuildKit, by SSH, or pack an image's sources: two hundred files that take
// longer to load than all that dwgd asks of Docker, and half as much memory again as Node.js itself.

import Module, { createRequire } from 'node:module';
import type Dockerode from 'dockerode';

/** Of which package's eyes a module is seen, and its name. */
const UNUSED = [
  ['dockerode', './session'],
  ['dockerode', 'tar-fs'],
  ['dockerode', '@balena/dockerignore'],
  ['docker-modem', './ssh'],
] as const;

/** What stands in place of a part that is not loaded; it has no members. @throws when it is called */
function unused(): never {
  throw new Error('dwgd loads no part of dockerode that builds images or connects by SSH');
}

/** The class, loaded at the first call. */
export function loadDockerode(): typeof Dockerode {
  const dockerode = require.resolve('dockerode');
  const eyes = {
    dockerode: createRequire(dockerode),
    'docker-modem': createRequire(createRequire(dockerode).resolve('docker-modem')),
  };
  for (const [of, name] of UNUSED) {
    const path = eyes[of].resolve(name);
    const stand = new Module(path);
    stand.exports = unused;
    stand.loaded = true;
    require.cache[path] ??= stand;
  }
  return require('dockerode') as typeof Dockerode;
}
