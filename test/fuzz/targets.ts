// Every parser of outside data. test/README.md says how to add one.
import type { Target } from './target.js';
import { COMPOSE_TARGETS } from './targets-compose.js';
import { DOCKER_TARGETS } from './targets-docker.js';
import { DRIVER_TARGETS } from './targets-driver.js';
import { KERNEL_TARGETS } from './targets-kernel.js';
import { LABEL_TARGETS } from './targets-labels.js';

export const TARGETS: readonly Target[] = [
  ...KERNEL_TARGETS,
  ...DRIVER_TARGETS,
  ...LABEL_TARGETS,
  ...DOCKER_TARGETS,
  ...COMPOSE_TARGETS,
];
