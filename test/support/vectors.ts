// Public keys of containers, by address and seed.

/** Made by the original program; recomputed with SHA-256 and `wg pubkey`. */
export const VECTORS = [
  ['10.0.0.2', 'supersecretseed', '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M='],
  ['::ffff:10.0.0.2', 'supersecretseed', '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M='],
  ['192.168.1.254', 'supersecretseed', 'ogRcROX5TWyrBAScSZxpBDefEw5Ex96/1KKLO9Vl2kc='],
  ['0.0.0.0', 's', 'bITMOWBLXKarbzqEm14lMrbSMG6kcU29r5MNZy6pfXY='],
  ['255.255.255.255', 'p@ss w0rd', 'fY74fpbv4uVeD9/uWJrSruoU0tadd4Ur6A7T5rUD+G8='],
  ['fd00::2', 'supersecretseed', '7N1276RQTK9gYVtbUQvF5u06TZg6TTKHgexJcW89xAE='],
  ['2001:db8:85a3::8a2e:370:7334', 'supersecretseed', 'LNGHgGa56viKecjV6259ZqNEi6wD6HJKlWa2pYsiBQ8='],
  ['10.0.0.2', 'gråsæd-🌱-種', 'dqKNpeFfKhJ7ZML0nk/WMt+ag7/CQOtoatgUxbQHtGQ='],
  ['10.0.0.2', 'x'.repeat(4096), 'EDOUeW2FjcN/3yOQ1wTg31Xm2KuarU5SSQNuOl30vTI='],
] as const;
