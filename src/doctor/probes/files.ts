// Owners and modes of what dwgd keeps, and files of secrets as the driver itself reads them. Not here: which modes are right
// (doctor/checks/permissions.ts).

import { messageOf } from '../../base/errors.js';
import { RUN_DIR } from '../../control/paths.js';
import { openTunnelFile } from '../../driver/files/tunnel-files.js';
import type { NetworkOptions } from '../../driver/spec/model.js';
import { readPresharedKey, readSeed } from '../../driver/tunnel/secrets.js';
import type { FileFacts, PermissionFacts } from '../checks/facts.js';
import type { HostTree } from './file-tree.js';

/** The user whose Docker's networks these are. */
const ROOT = 0;

/** What a network's options say, and for an exit network its files. */
export type NetworkSecrets = { readonly name: string } & (
  | { readonly options: Pick<NetworkOptions, 'seed' | 'presharedKey'> }
  | { readonly files: readonly string[] }
);

/** @param database its path; empty where it is in memory */
export async function probeFiles(
  tree: HostTree,
  database: string,
  networks: readonly NetworkSecrets[],
): Promise<PermissionFacts> {
  const databases = database === '' ? [] : ['', '-wal', '-shm'].map(end => `${database}${end}`);
  const secrets = await Promise.all(
    networks.flatMap(network =>
      readersOf(network).map(read =>
        read().then(
          () => [],
          err => [{ network: network.name, why: messageOf(err) }],
        ),
      ),
    ),
  );
  return {
    database: databases.flatMap(path => modeOf(tree, path)),
    secrets: secrets.flat(),
    sockets: [RUN_DIR, `${RUN_DIR}/dwgd.sock`].flatMap(path => modeOf(tree, path)),
  };
}

/** What reads each of its files, and throws where the driver could not. */
function readersOf(network: NetworkSecrets): (() => Promise<unknown>)[] {
  if ('files' in network) return network.files.map(file => async () => openTunnelFile(file));
  const secrets = { ...network.options, owner: ROOT };
  return [() => readSeed(secrets), () => readPresharedKey(secrets)];
}

function modeOf(tree: HostTree, path: string): FileFacts[] {
  const stat = tree.stat(path);
  return stat ? [{ path, uid: stat.uid, mode: stat.mode & 0o777 }] : [];
}
