// Labels of a container that do not count, whatever they say, each with its reason. Pure.

import { plain } from '../../base/plain-text.js';
import type { ContainerView } from '../discovery/container.js';
import { ALL_LABELS, diagnostic } from './diagnostics.js';
import type { Diagnostic } from './intent.js';

/** Labels that do not count, whatever they say. */
export function refused(container: ContainerView): Diagnostic[] {
  const { name, hostNetwork, labels, imageLabels, unverified, ownStack } = container;
  const [first = ALL_LABELS] = labels.keys();
  const ofHost = diagnostic(
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
    ...(hostNetwork && labels.size > 0 ? [ofHost] : []),
    ...imageLabels.map(ofImage),
    ...(unverified && !hostNetwork ? [diagnostic(name, ALL_LABELS, whyFrozen(unverified))] : []),
    ...(ownStack && ownStack.keys.length > 0 ? [ofOwnStack(name, ownStack.runtime)] : []),
  ];
}

function whyFrozen({ why, until }: NonNullable<ContainerView['unverified']>): string {
  const frozen =
    'what is in force stays, where nothing is the networks of its routes are unreachable, and nothing else is applied';
  if (until !== undefined) return `${frozen}, since ${why} and so nobody can tell ${until}`;
  return `${why}, so nobody can tell which labels came with it: ${frozen}; make the container anew from an image that is there, or start the daemon with --trust-image-labels`;
}

/** A container beside those with labels, in their namespace. */
export function ownStackBeside({ name, ownStack, unknownRuntime }: ContainerView): Diagnostic[] {
  if (unknownRuntime) return [diagnostic(name, ALL_LABELS, whyUnknown(unknownRuntime))];
  return ownStack && ownStack.keys.length === 0 ? [ofOwnStack(name, ownStack.runtime)] : [];
}

function whyUnknown({ runtime, why }: NonNullable<ContainerView['unknownRuntime']>): string {
  return `Docker does not tell what the runtime ${plain(runtime, 40)} is (${why}), by which the container runs beside one with labels: if it has a network stack of its own they do not hold it; it is asked again`;
}

function ofOwnStack(name: string, runtime: string): Diagnostic {
  const message = `the container runs by ${plain(runtime, 40)}, which has a network stack of its own, so labels cannot hold it and its packets leave as Docker leads them: run it by runc`;
  return { ...diagnostic(name, ALL_LABELS, message), isError: true };
}
