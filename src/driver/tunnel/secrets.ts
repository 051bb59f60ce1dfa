// Seeds, the keys that derive from them, and preshared keys, from the option itself or from the file that it names. A
// file is read at every use and must be its owner's alone. Not here: what a secret looks like
// (driver/spec/secret-text.ts).

import { closeSync, openSync } from 'node:fs';
import { O_PATH } from '../../../native/open-flags.js';
import { messageOf, UserError } from '../../base/errors.js';
import { NotAFileError, readRegularFile } from '../../files/regular-file.js';
import { derivePrivateKey, type SecretKey } from '../../netlink/wireguard/key.js';
import { type Endpoint, keyAddress, type Network } from '../spec/model.js';
import { parsePresharedKey, withoutFinalNewline } from '../spec/secret-text.js';
import { NO_GROUP } from '../users/rootless-hosts.js';
import { type FoundFile, readOwnFile } from '../users/user-files.js';
import { UserOperations } from '../users/user-operations.js';

const MAX_SECRET_BYTES = 64 * 1024;

/** Reading users' files: of all networks together. */
const operations = new UserOperations();

/** Every peer knows a public key on which to test guesses of the seed offline: 128 random bits withstand that. */
const LEAST_SEED_BYTES = 16;

type Secrets = Pick<Network, 'seed' | 'presharedKey' | 'owner'>;

/** The seed's bytes. @throws UserError when its file cannot be used */
export async function readSeed({ seed, owner }: Secrets): Promise<Buffer> {
  return 'value' in seed ? seed.value : await readSecretFile('dwgd.seedfile', seed.file, owner);
}

/** What there is to warn of in a seed; undefined: nothing. */
export function seedWeakness(seed: Buffer): string | undefined {
  if (seed.length >= LEAST_SEED_BYTES) return undefined;
  return `the seed has fewer than ${LEAST_SEED_BYTES} bytes, and anyone who guesses it can derive every private key: create it again with one that "dwgd seed" prints`;
}

/** The private key of an endpoint's container. @throws UserError when the seed's file cannot be used */
export async function readPrivateKey(
  network: Secrets,
  endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>,
): Promise<SecretKey> {
  return derivePrivateKey(await readSeed(network), keyAddress(endpoint));
}

/** The preshared key, if the network has one. @throws UserError when its file cannot be used */
export async function readPresharedKey({ presharedKey, owner }: Secrets): Promise<SecretKey | undefined> {
  if (!presharedKey) return undefined;
  if ('value' in presharedKey) return presharedKey.value;
  const content = await readSecretFile('dwgd.pskfile', presharedKey.file, owner);
  return parsePresharedKey(
    content.toString('utf8').trim(),
    `the content of dwgd.pskfile=${presharedKey.file}`,
  );
}

/** The content without a final newline. */
async function readSecretFile(option: string, path: string, owner: number): Promise<Buffer> {
  const refuse: Refuse = (why, cause) => new UserError(`${option}=${path} ${why}`, { cause });
  const isOurs = owner === process.getuid!();
  const { stat, content } = isOurs ? readFile(path, owner, refuse) : await readOf(owner, path, refuse);
  if (stat.mode & 0o077) throw refuse(`can be read by others: make it its owner's alone (chmod 600 ${path})`);
  if (content.length > MAX_SECRET_BYTES) throw refuse(`is larger than ${MAX_SECRET_BYTES / 1024} KiB`);
  const secret = withoutFinalNewline(content);
  if (secret.length === 0) throw refuse('is empty');
  return secret;
}

type Refuse = (why: string, cause?: unknown) => UserError;

/** A file of the daemon's own user. */
function readFile(path: string, owner: number, refuse: Refuse): FoundFile {
  try {
    return readRegularFile(path, MAX_SECRET_BYTES + 1, ({ uid }) => {
      if (uid !== owner)
        throw refuse(`belongs to user ${uid}: it must belong to user ${owner} (chown ${owner} ${path})`);
    });
  } catch (err) {
    if (err instanceof UserError) throw err;
    throw err instanceof NotAFileError
      ? refuse(err.message)
      : refuse(`cannot be read: ${messageOf(err)}`, err);
  }
}

/** A file of another user, read as that user. The message reveals nothing about files that are not the user's. */
async function readOf(owner: number, path: string, refuse: Refuse): Promise<FoundFile> {
  const found = await operations
    .run(owner, async isLate => {
      const folder = openSync('/', O_PATH);
      try {
        const root = { uid: owner, gid: NO_GROUP, folder, mountinfo: '/proc/self/mountinfo' };
        return await readOwnFile(root, path, MAX_SECRET_BYTES + 1, isLate);
      } finally {
        closeSync(folder);
      }
    })
    .catch(err => {
      throw err instanceof UserError ? refuse(`cannot be read: ${err.message}`, err) : err;
    });
  if (!found) {
    throw refuse(
      `cannot be used: give a file that belongs to user ${owner}, in folders that this user may enter, on a disk of this host`,
    );
  }
  return found;
}
