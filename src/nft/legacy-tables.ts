// The filter tables of the iptables before nf_tables in the namespace of the calling thread. They have no netlink: they are
// read by getsockopt(2), and only where procfs says that they are there, for asking would make them. Not here: what is in
// them (legacy-filter.ts).

import { closeSync, readFileSync } from 'node:fs';
import { getSocketOption, SOCK_DGRAM, socket } from '../../native/libc-sockets.js';
import { ChannelError } from '../base/errors.js';
import type { Family } from '../base/ip.js';
import { AF_INET, AF_INET6 } from '../netlink/route/address.js';
import type { ForwardChain } from './filter-chain.js';
import { GETINFO_BYTES, readLegacyForward, readLegacyInfo, XT_TABLE_MAXNAMELEN } from './legacy-filter.js';

const FILTER = 'filter';
/** Of all rules of a table, in bytes. */
const MAX_RULES_BYTES = 128 * 1024;
/** struct ipt_get_entries: the name, the size, and four bytes so that entries stand at a multiple of eight. */
const [ENTRIES_SIZE, ENTRIES_AT] = [32, 40] as const;
const [IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES] = [64, 65] as const;
const KINDS = {
  4: { domain: AF_INET, level: 0, names: '/proc/thread-self/net/ip_tables_names' },
  6: { domain: AF_INET6, level: 41, names: '/proc/thread-self/net/ip6_tables_names' },
} as const;

/** Chains FORWARD of the families; none where there is no such table. @throws OpError, ChannelError, DecodeError */
export function legacyForwardChains(families: readonly Family[]): ForwardChain[] {
  return families.filter(hasFilter).map(readFilter);
}

function hasFilter(family: Family): boolean {
  try {
    return readFileSync(KINDS[family].names, 'latin1').split('\n').includes(FILTER);
  } catch {
    // Without the module there is no such file.
    return false;
  }
}

function readFilter(family: Family): ForwardChain {
  const { domain, level } = KINDS[family];
  const fd = socket(domain, SOCK_DGRAM, 0);
  try {
    const asked = Buffer.alloc(GETINFO_BYTES);
    asked.write(FILTER);
    const info = readLegacyInfo(getSocketOption(fd, level, IPT_SO_GET_INFO, asked, FILTER));
    if (info.size > MAX_RULES_BYTES)
      throw new ChannelError(`reading table ${FILTER} of iptables: its rules take ${info.size} bytes`);
    const entries = Buffer.alloc(ENTRIES_AT + info.size);
    entries.write(FILTER, 0, XT_TABLE_MAXNAMELEN, 'latin1');
    entries.writeUInt32LE(info.size, ENTRIES_SIZE);
    const read = getSocketOption(fd, level, IPT_SO_GET_ENTRIES, entries, FILTER);
    return readLegacyForward(family, info, read.subarray(ENTRIES_AT));
  } finally {
    closeSync(fd);
  }
}
