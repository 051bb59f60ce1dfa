// When another process than the daemon sees what the daemon has made, on the same clock as Docker's events.
import { setImmediate as breathe } from 'node:timers/promises';
import { RTPROT_DWGD, STAMP_CHAIN, TABLE } from '../../../src/base/ownership.js';
import { readStamp } from '../../../src/labels/diff/stamp.js';
import { openConnection } from '../../../src/netlink/connection.js';
import { Netns, NetnsSwitch } from '../../../src/netlink/netns.js';
import { RtNetlink } from '../../../src/netlink/route/client.js';
import { decodeRuleComment, getRulesRequest, NETLINK_NETFILTER } from '../../../src/nft/messages.js';

const LIMIT_MS = 5_000;
const QUESTION = getRulesRequest(TABLE.family, TABLE.name, STAMP_CHAIN);

const entry = await NetnsSwitch.open();

/** Milliseconds of the wall clock at which a namespace had a table of ours and so many routes. */
export async function seen(path: string, routes: number): Promise<number> {
  const netns = new Netns(path);
  // They stay open: closing one would wait for what the kernel has still to destroy.
  const { nf, rt } = entry.within(netns, () => ({
    nf: openConnection(NETLINK_NETFILTER),
    rt: new RtNetlink(),
  }));
  netns.close();
  try {
    for (const began = performance.now(); performance.now() - began < LIMIT_MS; await breathe()) {
      const rules = nf.request(QUESTION, { op: 'listing', subject: STAMP_CHAIN });
      const { stamp } = readStamp(rules.map(({ payload }) => decodeRuleComment(payload)));
      if (stamp !== undefined && rt.routes(RTPROT_DWGD).length === routes) {
        return performance.timeOrigin + performance.now();
      }
    }
    throw new Error(`${path} did not get its rules`);
  } finally {
    nf.close();
    rt.close();
  }
}
