// The kinds of the host's links that somebody names, in the namespace of the calling thread. Not here: who names them.

import { RtNetlink } from '../../netlink/route/client.js';
import { isLinkName } from '../../netlink/route/link.js';
import type { LinkFacts } from '../checks/facts.js';

/** Names that are looked up. */
const MOST_NAMES = 256;

/** By name; a link of hardware has the kind `''`. @throws OpError, ChannelError */
export function probeLinks(names: Iterable<string>): LinkFacts {
  const rt = new RtNetlink();
  try {
    const asked = [...new Set(names)].filter(isLinkName).slice(0, MOST_NAMES);
    return new Map(
      asked.flatMap((name): [string, string][] => {
        const link = rt.link(name);
        return link ? [[name, link.kind ?? '']] : [];
      }),
    );
  } finally {
    rt.close();
  }
}
