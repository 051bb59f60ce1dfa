// Faults of the kernel and of the libraries. Pure. Not here: asking them (doctor/probes/kernel.ts).

import { type Check, when } from './finding.js';

export const KERNEL_CHECKS: readonly Check[] = [
  {
    heading: 'WireGuard is missing',
    find: ({ kernel }) =>
      when(
        !kernel.hasWireGuard,
        'this kernel has no WireGuard, so no container on a network of dwgd starts',
        'load the module (modprobe wireguard); where there is none, install a kernel that has it: Linux 5.6 or later',
      ),
  },
  {
    heading: 'Network namespaces cannot be made',
    find: ({ kernel: { namespaces } }) =>
      namespaces === undefined
        ? []
        : [
            {
              what: `no network namespace can be made here (${namespaces}), so dwgd cannot enter those of containers either`,
              remedy:
                'run dwgd as root on the host, and its own container with `privileged: true` and `pid: host`',
            },
          ],
  },
  {
    heading: 'nf_tables is missing',
    find: ({ kernel }) =>
      when(
        !kernel.hasNftables,
        'this kernel has no nf_tables, so labels that forward, translate or filter are not applied',
        'load the module (modprobe nf_tables)',
      ),
  },
  {
    heading: 'A module of nf_tables is missing',
    find: ({ kernel: { missingModules } }) =>
      missingModules.map(module => ({
        what: `the kernel refuses what its module ${module} is for, and tables of labels need that`,
        remedy: `load it (modprobe ${module}); where it is not installed, install the modules of this kernel`,
      })),
  },
  {
    heading: 'libnftables is missing',
    find: ({ kernel: { library } }) =>
      library === undefined
        ? []
        : [
            {
              what: library,
              remedy: 'install it (apt-get install libnftables1), and restart dwgd (systemctl restart dwgd)',
            },
          ],
  },
];
