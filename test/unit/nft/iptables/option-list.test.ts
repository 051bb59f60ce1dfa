// Every option of every match and target, written down once more: `!` where it may be negated, and after `-` those that
// are refused by name. Each is tried in both directions, on a rule of test/rules/fragments.ts. Not here: what becomes of
// it (matches.test.ts, targets.test.ts), what iptables itself takes (test/rules/).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MATCHES_LEFT_OUT, TARGETS_LEFT_OUT } from '../../../../src/nft/iptables/left-out.js';
import { findExtension, MATCHES, TARGETS } from '../../../../src/nft/iptables/registry.js';
import type { Extension, OptionSpec } from '../../../../src/nft/iptables/syntax/extension.js';
import { RuleError } from '../../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';
import { generateRules } from '../../../rules/generate.js';
import { QUEUES } from '../../../rules/queue.js';
import { Random } from '../../../support/random.js';

const LIST = `
tcp: !source-port=sport !destination-port=dport !tcp-flags !syn !tcp-option
udp: !source-port=sport !destination-port=dport
sctp: !source-port=sport !destination-port=dport !chunk-types
dccp: !source-port=sport !destination-port=dport !dccp-types - !dccp-option
multiport: !source-ports=sports !destination-ports=dports !ports
tcpmss: !mss
icmp: !icmp-type
icmp6: !icmpv6-type
ah: !ahspi !ahlen ahres
esp: !espspi
ipcomp: !ipcompspi
policy: dir pol - strict !reqid !spi !proto !mode !tunnel-src !tunnel-dst next
frag: !fragid !fraglen fragres fragfirst fragmore fraglast
hbh: !hbh-len - hbh-opts
dst: !dst-len - dst-opts
rt: !rt-type !rt-segsleft !rt-len rt-0-res - rt-0-addrs rt-0-not-strict
mh: !mh-type
srh: !srh-next-hdr !srh-hdr-len-eq !srh-hdr-len-gt !srh-hdr-len-lt !srh-segs-left-eq !srh-segs-left-gt !srh-segs-left-lt !srh-last-entry-eq !srh-last-entry-gt !srh-last-entry-lt !srh-tag - !srh-psid !srh-nsid !srh-lsid
conntrack: !ctstate !ctproto !ctorigsrc !ctorigdst !ctreplsrc !ctrepldst !ctorigsrcport !ctorigdstport !ctreplsrcport !ctrepldstport !ctstatus !ctexpire ctdir
state: !state
connmark: !mark
mark: !mark
connlimit: !connlimit-upto !connlimit-above connlimit-mask connlimit-saddr connlimit-daddr
connbytes: !connbytes connbytes-dir connbytes-mode
helper: !helper
connlabel: !label set
limit: limit limit-burst
hashlimit: !hashlimit-upto=hashlimit !hashlimit-above hashlimit-burst hashlimit-mode hashlimit-srcmask hashlimit-dstmask hashlimit-name hashlimit-htable-max hashlimit-htable-expire hashlimit-htable-size hashlimit-htable-gcinterval - hashlimit-rate-match hashlimit-rate-interval
quota: !quota
statistic: mode !probability !every packet
recent: !set !rcheck !update !remove seconds reap hitcount name rsource rdest mask - rttl
time: datestart datestop timestart timestop !weekdays !monthdays contiguous - kerneltz=localtz
addrtype: !src-type !dst-type limit-iface-in limit-iface-out
iprange: !src-range !dst-range
mac: !mac-source
length: !length
ttl: !ttl-eq=ttl ttl-lt ttl-gt
hl: !hl-eq=hl hl-lt hl-gt
pkttype: !pkt-type
comment: comment
dscp: !dscp !dscp-class
tos: !tos
ecn: !ecn-tcp-cwr !ecn-tcp-ece !ecn-ip-ect
cpu: !cpu
cgroup: !cgroup - !path
devgroup: !src-group !dst-group
realm: !realm
socket: transparent nowildcard restore-skmark
owner: !uid-owner !gid-owner - !socket-exists suppl-groups
rpfilter: loose validmark accept-local invert
ACCEPT:
DROP:
RETURN:
REJECT: reject-with
LOG: log-level log-prefix log-tcp-sequence log-tcp-options log-ip-options log-uid log-macdecode
NFLOG: nflog-group nflog-prefix nflog-size nflog-threshold nflog-range
NFQUEUE: queue-num queue-balance queue-bypass queue-cpu-fanout
MARK: set-mark set-xmark and-mark or-mark xor-mark
CONNMARK: set-mark set-xmark and-mark or-mark xor-mark save-mark restore-mark mask nfmask ctmask - left-shift-mark right-shift-mark
TCPMSS: set-mss clamp-mss-to-pmtu
TOS: set-tos and-tos or-tos - xor-tos
DSCP: set-dscp set-dscp-class
CLASSIFY: set-class
TCPOPTSTRIP: strip-options
ECN: ecn-tcp-remove - ecn-tcp-ece ecn-tcp-cwr ecn-ip-ect
TTL: ttl-set ttl-inc ttl-dec
HL: hl-set hl-inc hl-dec
NOTRACK:
CT: notrack zone zone-orig zone-reply - helper timeout ctevents expevents
SYNPROXY: sack-perm timestamp wscale mss - ecn
AUDIT: type
TRACE:
TPROXY: on-port on-ip tproxy-mark
DNAT: to-destination random persistent
SNAT: to-source random random-fully persistent
MASQUERADE: to-ports random random-fully
REDIRECT: to-ports random
NETMAP: to
`;

const LEFT_OUT = `
bpf cluster eui64 ipv6header ipvs l2tp nfacct osf physdev rateest set string u32 CHECKSUM CLUSTERIP CONNSECMARK DNPT HMARK IDLETIMER LED QUEUE RATEEST SECMARK SET SNPT TEE ULOG
`;

function line({ name, options }: Extension): string {
  const word = ({ names, negatable }: OptionSpec): string => `${negatable ? '!' : ''}${names.join('=')}`;
  const taken = options.filter(({ refused }) => refused === undefined).map(word);
  const refused = options.filter(({ refused }) => refused !== undefined).map(word);
  return `${[`${name}:`, ...taken, ...(refused.length > 0 ? ['-', ...refused] : [])].join(' ')}`;
}

test('the options of all matches and targets are those of the list', () => {
  assert.deepEqual([...MATCHES, ...TARGETS].map(line), LIST.trim().split('\n'));
});

test('the matches and targets that are left out are those of the list', () => {
  assert.equal([...MATCHES_LEFT_OUT.keys(), ...TARGETS_LEFT_OUT.keys()].join(' '), LEFT_OUT.trim());
});

function refusal(rule: string): RuleError | undefined {
  try {
    translateRule(rule);
    return undefined;
  } catch (err) {
    assert.ok(err instanceof RuleError, String(err));
    return err;
  }
}

/** Enough rounds that each option stands in some rule. */
const ROUNDS = 2;
/** Right ones. */
const examples = [
  ...generateRules(new Random(7), 0, ROUNDS).map(({ chain, text, family }) => `${chain} -${family} ${text}`),
  ...QUEUES.map(text => `TWINE_FORWARD -4 ${text}`),
].filter(rule => !refusal(rule));

/** The match or target whose option it is: the last one before it that has such an option; none where -p brings it in. */
function ownerOf(rule: string, option: string): Extension | undefined {
  const before = rule.split(` --${option}`)[0]!;
  return [...before.matchAll(/-[mj] (\S+)/g)]
    .map(([, name = '']) => findExtension([...MATCHES, ...TARGETS], name))
    .findLast(extension => extension?.options.some(({ names }) => names.includes(option)));
}

const WRONG = ["''", "'\u0001'", '-1', '/', 'x'.repeat(300)];

for (const extension of [...MATCHES, ...TARGETS]) {
  const flag = MATCHES.includes(extension) ? '-m' : '-j';
  for (const { names, values = [], negatable, refused } of extension.options) {
    const [name] = names;
    if (refused !== undefined) continue;
    test(`${flag} ${extension.name} --${name} is taken where it is right, and refused where it is not`, () => {
      const of = (rule: string): boolean => [undefined, extension].includes(ownerOf(rule, name));
      const found = names.flatMap(each =>
        examples
          .filter(rule => ` ${rule} `.includes(` --${each} `) && of(rule))
          .map(rule => ({ rule: rule.replace(`! --${each}`, `--${each}`), word: `--${each}` })),
      );
      const one = found.find(({ rule }) => !refusal(rule));
      assert.ok(one, 'no rule has it');
      const { rule, word } = one;
      const given = new RegExp(`${word}(?= |$)${' \\S+'.repeat(values.length)}`).exec(rule)![0];
      const negated = refusal(rule.replace(given, `! ${given}`))?.message ?? '';
      // Some may be negated where nftables can say it.
      if (negatable) assert.doesNotMatch(negated, /cannot be negated by/);
      else assert.match(negated, /cannot be negated by/);
      assert.ok(refusal(rule.replace(given, `${given} ${given}`)), 'twice');
      if (values.length === 0) return;
      assert.ok(refusal(rule.slice(0, rule.indexOf(given) + word.length)), 'without a value');
      const wrong = WRONG.map(value => rule.replace(given, `${word}${` ${value}`.repeat(values.length)}`));
      assert.ok(wrong.some(refusal), `with a wrong value, such as ${wrong[0]}`);
    });
  }
}
