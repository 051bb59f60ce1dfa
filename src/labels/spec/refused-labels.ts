// Labels that do not count whatever they say, each with the reason. Pure.

import { plain } from '../../base/plain-text.js';
import type { ContainerView } from '../discovery/container.js';
import { ALL_LABELS, diagnostic } from './diagnostics.js';
import type { Diagnostic } from './intent.js';

/** The container's labels that do not count. */
export function refused(container: ContainerView): Diagnostic[] {
  const { name, hostNetwork, labels, imageLabels, unverified, ownStack } = container;
  const [first = ALL_LABELS] = labels.keys();
  const ofHost = (): Diagnostic =>
    diagnostic(
      name,
      labels.size === 1 ? first : ALL_LABELS,
      "the container is in the host's network, so its labels are not applied: they would change the host itself",
    );
  const ofImage = (key: string): Diagnostic =>
    diagnostic(
      name,
      key,
      'the label came with the image, so it is not applied: set it on the container, or start the daemon with --trust-image-labels',
    );
  return [
    ...(hostNetwork && labels.size > 0 ? [ofHost()] : []),
    ...imageLabels.map(ofImage),
    ...(unverified && !hostNetwork ? [diagnostic(name, ALL_LABELS, whyFrozen(unverified))] : []),
    ...(ownStack && ownStack.keys.length > 0 ? [ofOwnStack(name, ownStack.runtime)] : []),
  ];
}

function whyFrozen({ why, unknown }: NonNullable<ContainerView['unverified']>): string {
  const frozen =
    'what is in force stays, networks of its route labels that have no route yet are unreachable, and nothing else is applied';
  if (unknown !== undefined) return `${frozen}, because ${why}, so it is not known ${unknown}`;
  return `${why}, so it is not known which labels came with it: ${frozen}; recreate the container from an image that exists, or start the daemon with --trust-image-labels`;
}

/** About a container without labels that shares the namespace of labelled ones. */
export function ownStackBeside({ name, ownStack, unknownRuntime }: ContainerView): Diagnostic[] {
  if (unknownRuntime) return [diagnostic(name, ALL_LABELS, whyUnknown(unknownRuntime))];
  return ownStack && ownStack.keys.length === 0 ? [ofOwnStack(name, ownStack.runtime)] : [];
}

function whyUnknown({ runtime, why }: NonNullable<ContainerView['unknownRuntime']>): string {
  return `Docker does not describe the runtime ${plain(runtime, 40)} of this container (${why}), which shares the namespace of a labelled one: if the runtime has its own network stack, labels have no effect on it; Docker is asked again`;
}

function ofOwnStack(name: string, runtime: string): Diagnostic {
  const message = `the container uses the runtime ${plain(runtime, 40)}, which has its own network stack, so labels have no effect on it and its packets leave by Docker's routes: use runc`;
  return { ...diagnostic(name, ALL_LABELS, message), isError: true };
}
