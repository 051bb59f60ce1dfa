// Secrets as text: what a key looks like, where the secret in a file ends. A text that is wrong is never quoted. Not here:
// the files (driver/tunnel/secrets.ts).

import { UserError } from '../../base/errors.js';
import { parseKeyBytes, SecretKey } from '../../netlink/wireguard/key.js';

/**
 * @param where the option or file it came from, for the message
 * @throws UserError without the key
 */
export function parsePresharedKey(text: string, where: string): SecretKey {
  const bytes = parseKeyBytes(text);
  if (!bytes || bytes.every(byte => byte === 0)) {
    throw new UserError(
      `${where} is not a preshared key: give what "wg genpsk" prints, 44 characters of base64`,
    );
  }
  return new SecretKey(bytes);
}

/** The content of a file without its last newline (LF or CR LF), which is the editor's. */
export function withoutFinalNewline(content: Buffer): Buffer {
  const end = content.at(-1) === 0x0a ? (content.at(-2) === 0x0d ? -2 : -1) : content.length;
  return content.subarray(0, end);
}
