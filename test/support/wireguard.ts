// WireGuard interfaces made and read by the standard tools, in the guest's own namespace or a named one, and a
// remote peer in a namespace of its own behind a veth. None of it uses the project's netlink code: it is the
// opinion of somebody else.
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { sh } from './shell.js';

export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

export interface WgPeerDump {
  publicKey: string;
  presharedKey: string | undefined;
  endpoint: string | undefined;
  allowedIps: string[];
  /** Seconds since 1970; 0 is never. */
  latestHandshake: number;
  received: number;
  sent: number;
  /** Seconds; 0 is off. */
  keepalive: number;
}

export interface WgDump extends KeyPair {
  port: number;
  fwmark: number;
  peers: WgPeerDump[];
}

export interface WgPeerOptions {
  publicKey: string;
  allowedIps: string[];
  endpoint?: string;
  keepalive?: number;
}

export interface WgInterfaceOptions {
  /** With prefix length, IPv4 or IPv6. */
  addresses: string[];
  /** Default: the kernel takes one. */
  port?: number;
  privateKey?: string;
  peers?: WgPeerOptions[];
  /** The name of a namespace; default the guest's own. */
  netns?: string;
}

/** A fresh key pair, or the pair of a private key. */
export function keyPair(privateKey = randomBytes(32).toString('base64')): KeyPair {
  const pkcs8 = Buffer.concat([
    Buffer.from('302e020100300506032b656e04220420', 'hex'),
    Buffer.from(privateKey, 'base64'),
  ]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  return {
    privateKey,
    publicKey: key.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64'),
  };
}

const inside = (netns: string | undefined) => (netns === undefined ? '' : `ip netns exec ${netns} `);

function peerWords(peer: WgPeerOptions): string {
  const endpoint = peer.endpoint === undefined ? '' : ` endpoint ${peer.endpoint}`;
  const keepalive = peer.keepalive === undefined ? '' : ` persistent-keepalive ${peer.keepalive}`;
  return `peer ${peer.publicKey} allowed-ips ${peer.allowedIps.join(',')}${endpoint}${keepalive}`;
}

export const wg = {
  /** Makes an interface with `ip` and `wg`, configured and up; returns its keys. */
  async add(name: string, options: WgInterfaceOptions): Promise<KeyPair> {
    const { addresses, port, netns, peers = [] } = options;
    const keys = keyPair(options.privateKey);
    const addAddress = (address: string) =>
      `addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`;
    const batch = [`link add ${name} type wireguard`, ...addresses.map(addAddress), `link set ${name} up`];
    const words = [
      `wg set ${name} private-key <(echo ${keys.privateKey})`,
      ...(port === undefined ? [] : [`listen-port ${port}`]),
      ...peers.map(peerWords),
    ];
    await sh(`printf '%s\\n' ${batch.map(line => `'${line}'`).join(' ')} | ${inside(netns)}ip -batch -
      ${inside(netns)}bash -c '${words.join(' ')}'`);
    return keys;
  },

  /** Adds or changes one peer. */
  async setPeer(name: string, peer: WgPeerOptions, netns?: string): Promise<void> {
    await sh(`${inside(netns)}wg set ${name} ${peerWords(peer)}`);
  },

  /** `wg show <name> dump`, read. */
  async dump(name: string, netns?: string): Promise<WgDump> {
    return parseDump(await sh(`${inside(netns)}wg show ${name} dump`));
  },

  /** The names of the WireGuard interfaces of the guest's own namespace, or of a named one. */
  async names(netns?: string): Promise<string[]> {
    const names = await sh(`${inside(netns)}wg show interfaces`);
    return names
      .split(/\s+/)
      .filter(name => name !== '')
      .sort();
  },
};

const absent = (text: string) => (text === '(none)' ? undefined : text);
const number = (text: string) => (text === 'off' ? 0 : Number(text));

/** Reads the output of `wg show <name> dump`: a line for the device, then one for each peer. */
export function parseDump(text: string): WgDump {
  const [device, ...rest] = text.split('\n').map(line => line.split('\t'));
  const [privateKey, publicKey, port, fwmark] = device!;
  const peers = rest.map(fields => {
    const [publicKey, psk, endpoint, allowedIps, handshake, received, sent, keepalive] = fields as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    return {
      publicKey,
      presharedKey: absent(psk),
      endpoint: absent(endpoint),
      allowedIps: absent(allowedIps)?.split(',') ?? [],
      latestHandshake: number(handshake),
      received: number(received),
      sent: number(sent),
      keepalive: number(keepalive),
    };
  });
  return {
    privateKey: privateKey!,
    publicKey: publicKey!,
    port: number(port!),
    fwmark: number(fwmark!),
    peers,
  };
}

/**
 * A WireGuard peer on "another machine": the namespace `remote`, with wg0 listening on port 51820, reached from
 * the guest's own namespace at 192.0.2.2 and 2001:db8::2 (we are .1 and ::1).
 */
export class Remote {
  static readonly netns = 'remote';
  readonly endpoint = '192.0.2.2:51820';
  readonly endpoint6 = '[2001:db8::2]:51820';

  private constructor(readonly keys: KeyPair) {}

  /** Makes it; `addresses` are those of its wg0, with prefix length. Every test makes its own, cleanup removes it. */
  static async create(addresses: string[]): Promise<Remote> {
    await sh(`ip netns add ${Remote.netns}
      ip -batch - <<'END'
link add to-remote type veth peer name uplink netns ${Remote.netns}
addr add 192.0.2.1/24 dev to-remote
addr add 2001:db8::1/64 dev to-remote nodad
link set to-remote up
END
      ip -n ${Remote.netns} -batch - <<'END'
link set lo up
addr add 192.0.2.2/24 dev uplink
addr add 2001:db8::2/64 dev uplink nodad
link set uplink up
END`);
    return new Remote(await wg.add('wg0', { addresses, port: 51820, netns: Remote.netns }));
  }

  /** Runs a bash line there. */
  sh(command: string): Promise<string> {
    return sh(`ip netns exec ${Remote.netns} bash -c '${command.replaceAll("'", "'\\''")}'`);
  }

  /** Lets a public key in with these addresses. */
  async admit(publicKey: string, ...allowedIps: string[]): Promise<void> {
    await wg.setPeer('wg0', { publicKey, allowedIps }, Remote.netns);
  }

  dump(): Promise<WgDump> {
    return wg.dump('wg0', Remote.netns);
  }
}
