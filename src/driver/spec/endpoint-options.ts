// The options of a container's endpoint on an exit network (`--driver-opt` of docker network connect, `driver_opts` of a service's
// network in Compose). Not here: options of networks (exit-options.ts).

import { UserError } from '../../base/errors.js';
import { excerpt } from '../../base/text.js';
import { FORWARD, parseForwards } from './forwarded-ports.js';

/**
 * @param given those whose names begin with `dwgd.`
 * @returns the value of `dwgd.forward`, which parseForwards() takes
 * @throws UserError for one that is wrong, and for any other option
 */
export function readForwardOption(given: ReadonlyMap<string, string> = new Map()): string | undefined {
  for (const name of given.keys())
    if (name !== FORWARD)
      throw new UserError(
        `unknown option ${excerpt(name)} of an endpoint: ${FORWARD} is the only one that an exit network takes`,
      );
  const text = given.get(FORWARD);
  if (text !== undefined) parseForwards(text);
  return text;
}
