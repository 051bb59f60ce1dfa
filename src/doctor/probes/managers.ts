// What systemd-networkd and NetworkManager are told, where they run. Not here: whom it concerns
// (doctor/checks/network-managers.ts).

import { RtNetlink } from '../../netlink/route/client.js';
import { readRules } from '../../netlink/route/policy-rule.js';
import type { ConfFile, ManagerFacts } from '../checks/facts.js';
import type { HostTree } from './file-tree.js';

const SYSTEMD = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map(at => `${at}/systemd`);
const NETWORK_MANAGER = ['/etc', '/run', '/usr/lib'].map(at => `${at}/NetworkManager`);
/** RTPROT_BOOT of <linux/rtnetlink.h>: what ip(8) makes, and so wg-quick(8). */
const RTPROT_BOOT = 3;

/** @param active names of services that are active */
export function probeManagers(
  tree: HostTree,
  active: readonly string[],
  hasForeignRules: boolean,
): ManagerFacts {
  return {
    ...(active.includes('systemd-networkd.service') && { networkd: networkdOf(tree) }),
    ...(active.includes('NetworkManager.service') && { networkManager: networkManagerOf(tree) }),
    hasForeignRules,
  };
}

function networkdOf(tree: HostTree): NonNullable<ManagerFacts['networkd']> {
  const folders = SYSTEMD.map(folder => `${folder}/network`);
  const networks = tree.files(folders, '.network').map(({ path, text }): ConfFile => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const dropIns = tree.files(
      folders.map(folder => `${folder}/${name}.d`),
      '.conf',
    );
    return { path, text: [text, ...dropIns.map(dropIn => dropIn.text)].join('\n') };
  });
  const own = SYSTEMD.flatMap(folder => tree.file(`${folder}/networkd.conf`)).slice(0, 1);
  const dropIns = tree.files(
    SYSTEMD.map(folder => `${folder}/networkd.conf.d`),
    '.conf',
  );
  return { networks, settings: [...own, ...dropIns] };
}

function networkManagerOf(tree: HostTree): ConfFile[] {
  const dropIns = tree.files(
    NETWORK_MANAGER.map(folder => `${folder}/conf.d`),
    '.conf',
  );
  return [...tree.file('/etc/NetworkManager/NetworkManager.conf'), ...dropIns];
}

/** Whether somebody made policy rules by hand, or wg-quick(8) did, in the namespace of the calling thread. */
export function hasForeignRules(): boolean {
  const rt = new RtNetlink();
  try {
    return readRules(rt.listRules(), RTPROT_BOOT).length > 0;
  } finally {
    rt.close();
  }
}
