// How systemd shares the processors among services and users: as much for all of the ones as for all of the others, and
// among services as their units say. Not here: what users do with theirs (attackers.ts).
import { readFileSync } from 'node:fs';
import { daemon, sh } from '../lab.js';
import { UNIT } from '../unit-capabilities.js';

const SYSTEM_SLICE = '/sys/fs/cgroup/system.slice';
export const USER_SLICE = '/sys/fs/cgroup/user.slice';

/** Gives Docker and the daemon, which both run, what they have as services. */
export async function shareAsServices(): Promise<void> {
  const [, weight = '100'] = /^CPUWeight=(\d+)$/m.exec(readFileSync(UNIT, 'utf8')) ?? [];
  await sh(`
    echo +cpu > /sys/fs/cgroup/cgroup.subtree_control
    mkdir -p ${USER_SLICE} ${SYSTEM_SLICE}
    echo +cpu > ${SYSTEM_SLICE}/cgroup.subtree_control
    mkdir -p ${SYSTEM_SLICE}/docker.service ${SYSTEM_SLICE}/dwgd.service
    for pid in $(pgrep -x dockerd) $(pgrep -x containerd); do echo $pid > ${SYSTEM_SLICE}/docker.service/cgroup.procs; done
    echo ${daemon.pid()} > ${SYSTEM_SLICE}/dwgd.service/cgroup.procs
    echo ${weight} > ${SYSTEM_SLICE}/dwgd.service/cpu.weight`);
}
