// `dwgd pubkey`: the public key that a container of a seed and an address has. Not here: the command line
// (command-line.ts).

import { readFileSync } from 'node:fs';
import { messageOf } from '../base/errors.js';
import type { Address } from '../base/ip.js';
import { UsageError } from './settings/flag-values.js';

interface PubkeyFlags {
  readonly s?: string;
  readonly seedfile?: string;
  readonly i: Address;
}

/** @throws UsageError when there is not one seed */
export async function printPubkey({ s, seedfile, i }: PubkeyFlags): Promise<void> {
  if ((s === undefined) === (seedfile === undefined))
    throw new UsageError('give either -s <seed> or --seedfile <path>');
  const { withoutFinalNewline } = await import('../driver/spec/secret-text.js');
  const seed = s === undefined ? withoutFinalNewline(readSeedFile(seedfile!)) : Buffer.from(s);
  if (seed.length === 0) throw new UsageError('the seed is empty');
  const { derivePrivateKey, publicKey } = await import('../netlink/wireguard/key.js');
  process.stdout.write(`${publicKey(derivePrivateKey(seed, i))}\n`);
}

/** @param path `-` is standard input */
function readSeedFile(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (err) {
    throw new UsageError(`the seed cannot be read: ${messageOf(err)}`);
  }
}
