// Matches and targets of iptables that there are none of here, each with the reason: what a refusal says, and
// docs/rules.md. Not here: options that are left out, which their own match or target names (syntax/extension.ts).

const NO_STATEMENT = 'nftables has nothing for it';
const NETMAP_INSTEAD = `${NO_STATEMENT}: -j NETMAP leads one network to another, by connections`;
const NO_FAMILY = 'nftables has it only in tables of one family, and this one is of both';
const NO_IPSET =
  'sets of ipset(8) are none of nftables, and no label makes one: -m recent has lists that rules fill, -s and -d take lists';

/** By name: why no `-m` brings it in. */
export const MATCHES_LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['bpf', NO_STATEMENT],
  ['cluster', 'nft(8) 1.0.6 crashes when it lists the hash that it would be'],
  ['eui64', NO_STATEMENT],
  ['ipv6header', 'nftables asks for one header at a time: -m frag, hbh, dst, rt or ah'],
  ['ipvs', NO_STATEMENT],
  ['l2tp', NO_STATEMENT],
  ['nfacct', 'nftables has counters of its own'],
  ['osf', 'the fingerprints would have to be loaded into the kernel first'],
  ['physdev', 'a container has no ports of a bridge'],
  ['rateest', NO_STATEMENT],
  ['set', NO_IPSET],
  ['string', NO_STATEMENT],
  ['u32', 'nftables reads no offset out of the packet'],
]);

/** By name: why no `-j` leads to it. */
export const TARGETS_LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['CHECKSUM', NO_STATEMENT],
  ['CLUSTERIP', 'the kernel has it no more'],
  ['CONNSECMARK', "security contexts are the host's"],
  ['DNPT', NETMAP_INSTEAD],
  ['HMARK', 'the hashes of nftables are others: packets would get other marks'],
  ['IDLETIMER', NO_STATEMENT],
  ['LED', NO_STATEMENT],
  ['QUEUE', 'the kernel has it no more'],
  ['RATEEST', NO_STATEMENT],
  ['SECMARK', "security contexts are the host's"],
  ['SET', NO_IPSET],
  ['SNPT', NETMAP_INSTEAD],
  ['TEE', NO_FAMILY],
  ['ULOG', 'the kernel has it no more: -j NFLOG'],
]);
