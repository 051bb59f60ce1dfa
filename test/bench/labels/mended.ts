// How long a namespace lacks something of ours, seen from outside: by another process than the daemon, which asks the kernel all
// the time.
import { RTPROT_DWGD, STAMP_CHAIN, TABLE } from '../../../src/base/ownership.js';
import { readStamp } from '../../../src/labels/diff/stamp.js';
import { openConnection } from '../../../src/netlink/connection.js';
import { Netns, NetnsSwitch } from '../../../src/netlink/netns.js';
import { RtNetlink } from '../../../src/netlink/route/client.js';
import { readRules } from '../../../src/netlink/route/policy-rule.js';
import { decodeRuleComment, getRulesRequest, NETLINK_NETFILTER } from '../../../src/nft/messages.js';

const LIMIT_MS = 60_000;
const QUESTION = getRulesRequest(TABLE.family, TABLE.name, STAMP_CHAIN);

const entry = await NetnsSwitch.open();

/**
 * Milliseconds from when something of ours was missing until nothing was any more.
 * @param breathe waits between two looks @param deed takes something away, some time after it is called
 */
export async function mended(
  path: string,
  deed: () => void,
  breathe: () => Promise<unknown>,
): Promise<number> {
  const netns = new Netns(path);
  const { nf, rt } = entry.within(netns, () => ({
    nf: openConnection(NETLINK_NETFILTER),
    rt: new RtNetlink(),
  }));
  netns.close();
  const ours = (): string => {
    let stamp: string | undefined;
    try {
      const rules = nf.request(QUESTION, { op: 'listing', subject: STAMP_CHAIN });
      ({ stamp } = readStamp(rules.map(({ payload }) => decodeRuleComment(payload))));
    } catch {
      // There is no such chain now.
    }
    return `${stamp} ${rt.routes(RTPROT_DWGD).length} ${readRules(rt.listRules(), RTPROT_DWGD).length}`;
  };
  try {
    const whole = ours();
    deed();
    const began = performance.now();
    let lastWhole = began;
    let isBroken = false;
    for (let now = began; now - began < LIMIT_MS; now = performance.now()) {
      const isWhole = ours() === whole;
      if (isBroken && isWhole) return performance.now() - lastWhole;
      if (isWhole) lastWhole = now;
      else isBroken = true;
      await breathe();
    }
    throw new Error(`${path} ${isBroken ? 'was not mended' : 'was never seen without what was taken away'}`);
  } finally {
    nf.close();
    rt.close();
  }
}
