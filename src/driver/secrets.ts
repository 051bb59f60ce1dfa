// Seeds, the keys that derive from them, and preshared keys, from the option itself or from the file that it names. A
// file is read at every use and must be its owner's alone. Not here: the options' syntax (options.ts).

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { messageOf, UserError } from '../errors.js';
import { derivePrivateKey, type SecretKey } from '../netlink/key.js';
import { type Endpoint, keyAddress, type Network } from './network.js';
import { parsePresharedKey } from './options.js';

const MAX_SECRET_BYTES = 64 * 1024;

type Secrets = Pick<Network, 'seed' | 'presharedKey' | 'owner'>;

/** The seed's bytes. @throws UserError when its file cannot be used */
export function readSeed({ seed, owner }: Secrets): Buffer {
  return 'value' in seed ? seed.value : readSecretFile('dwgd.seedfile', seed.file, owner);
}

/** The private key of an endpoint's container. @throws UserError when the seed's file cannot be used */
export function readPrivateKey(network: Secrets, endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>): SecretKey {
  return derivePrivateKey(readSeed(network), keyAddress(endpoint));
}

/** The preshared key, if the network has one. @throws UserError when its file cannot be used */
export function readPresharedKey({ presharedKey, owner }: Secrets): SecretKey | undefined {
  if (!presharedKey) return undefined;
  if ('value' in presharedKey) return presharedKey.value;
  const text = readSecretFile('dwgd.pskfile', presharedKey.file, owner).toString('utf8');
  return parsePresharedKey(text.trim(), `the content of dwgd.pskfile=${presharedKey.file}`);
}

/** The content without the newline that an editor puts at the end. */
function readSecretFile(option: string, path: string, owner: number): Buffer {
  const refuse = (why: string, cause?: unknown): UserError =>
    new UserError(`${option}=${path} ${why}`, { cause });
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (err) {
    throw refuse(`cannot be read: ${messageOf(err)}`, err);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refuse('is not a file');
    if (stat.uid !== owner)
      throw refuse(`belongs to user ${stat.uid}: it must belong to user ${owner} (chown ${owner} ${path})`);
    if (stat.mode & 0o077)
      throw refuse(`can be read by others: make it its owner's alone (chmod 600 ${path})`);
    if (stat.size > MAX_SECRET_BYTES) throw refuse(`is larger than ${MAX_SECRET_BYTES / 1024} KiB`);
    const content = readFileSync(fd);
    const end = content.at(-1) === 0x0a ? (content.at(-2) === 0x0d ? -2 : -1) : content.length;
    const secret = content.subarray(0, end);
    if (secret.length === 0) throw refuse('is empty');
    return secret;
  } finally {
    closeSync(fd);
  }
}
