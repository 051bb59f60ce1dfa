// Links of a namespace that appear, change and go, as the kernel tells. Not here: reading and changing them (client.ts).

import { EventSocket } from '../event-socket.js';
import { type Message, NETLINK_ROUTE } from '../message.js';
import { decodeLink, type Link, RTM_DELLINK, RTM_NEWLINK, RTNLGRP_LINK } from './link.js';

/** Tells of links that appear, change and go. */
interface LinkWatch {
  close(): void;
}

/**
 * Watches the links of the namespace of the calling thread. Where thousands change while nobody reads, some may go
 * unsaid: look at all of them from time to time.
 * @param changed called with the link and whether it is there
 * @param failed called with what that throws; does not throw
 */
export function watchLinks(
  changed: (link: Link, present: boolean) => void,
  failed: (err: unknown) => void,
): LinkWatch {
  const notify = ({ type, payload }: Message): void => {
    if (type === RTM_NEWLINK || type === RTM_DELLINK) changed(decodeLink(payload), type === RTM_NEWLINK);
  };
  return new EventSocket(NETLINK_ROUTE, RTNLGRP_LINK, notify, failed);
}
