// The rootless Dockers that are served: in which network they are, and whether they find the driver. What is a user's is read
// as that user. Not here: how they are found (driver/users/rootless-hosts.ts).

import { closeSync } from 'node:fs';
import { errorCode } from '../../base/errors.js';
import type { RootlessHosts } from '../../driver/users/rootless-hosts.js';
import { openPathNow } from '../../driver/users/user-paths.js';
import type { RootlessFacts } from '../checks/facts.js';

/** Users that are looked at. */
const MOST_USERS = 256;
const PLUGIN = '/run/docker/plugins/dwgd.sock';

/** @param hostKey of the host's network namespace */
export function probeRootless(
  hosts: Pick<RootlessHosts, 'users' | 'find' | 'within' | 'openNetns'>,
  hostKey: string,
): RootlessFacts[] {
  return hosts
    .users()
    .slice(0, MOST_USERS)
    .filter(uid => hosts.find(uid) !== undefined)
    .map(uid => ({
      uid,
      sharesHostNetwork: sharesNetwork(hosts, uid, hostKey),
      findsDriver: findsDriver(hosts, uid),
    }));
}

function sharesNetwork(hosts: Pick<RootlessHosts, 'openNetns'>, uid: number, hostKey: string): boolean {
  try {
    const netns = hosts.openNetns(uid);
    try {
      return netns.key === hostKey;
    } finally {
      netns.close();
    }
  } catch (err) {
    // One that is not the user's is refused: of that kind there is the host's.
    return errorCode(err) === 'ENOENT';
  }
}

function findsDriver(hosts: Pick<RootlessHosts, 'within'>, uid: number): boolean {
  try {
    return (
      hosts.within(uid, ({ root }) => {
        closeSync(openPathNow(root, PLUGIN, 'follow'));
        return root;
      }) !== undefined
    );
  } catch {
    return false;
  }
}
