// Every kind of fault that `dwgd doctor` knows, in the order in which they are told: what others follow from comes first. Pure.

import { DOCKER_CHECKS } from './docker.js';
import { EXIT_CHECKS } from './exit-networks.js';
import type { Check } from './finding.js';
import { KERNEL_CHECKS } from './kernel.js';
import { LEAK_CHECKS } from './leaks.js';
import { LINK_CHECKS } from './links.js';
import { MANAGER_CHECKS } from './network-managers.js';
import { PERMISSION_CHECKS } from './permissions.js';
import { SERVICE_CHECKS } from './unit.js';

export const CHECKS: readonly Check[] = [
  ...KERNEL_CHECKS,
  ...DOCKER_CHECKS,
  ...SERVICE_CHECKS,
  ...MANAGER_CHECKS,
  ...PERMISSION_CHECKS,
  ...LINK_CHECKS,
  ...EXIT_CHECKS,
  ...LEAK_CHECKS,
];
