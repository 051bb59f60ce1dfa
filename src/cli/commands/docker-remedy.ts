// What is said where Docker does not tell its containers: each way to fail is one sentence.

import { DecodeError, errorCode, messageOf, UserError } from '../../base/errors.js';
import { TimeoutError } from '../../docker/api-client.js';
import { type DockerHost, formatDockerHost, isUnreachable } from '../../docker/docker-host.js';
import { BrokenError, RefusalError, TooLargeError } from '../../docker/request.js';

/**
 * The failure with what helps; whatever is not Docker's as it is.
 * @param otherwise what else could be done, as an imperative
 */
export function withDockerRemedy(err: unknown, at: DockerHost, otherwise: string): unknown {
  const why = whyNot(err, formatDockerHost(at), otherwise);
  return why === undefined ? err : new UserError(why, { cause: err });
}

function whyNot(err: unknown, at: string, otherwise: string): string | undefined {
  if (errorCode(err) === 'EACCES' && isUnreachable(err))
    return `only root may ask Docker for its containers (${at}): use sudo`;
  if (isUnreachable(err)) return `cannot ask Docker for its containers: start it, ${otherwise}`;
  const isAnswered = [TimeoutError, BrokenError, RefusalError, TooLargeError, DecodeError].some(
    kind => err instanceof kind,
  );
  return isAnswered ? `cannot ask Docker for its containers (${at}): ${messageOf(err)}` : undefined;
}
