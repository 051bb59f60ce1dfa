// The health of a container, as Docker's own check of it says, in a listing and in an inspection alike. Pure. Not here: which
// container is preferred (labels/planner/name-index.ts).

/** What is not `healthy`. */
type AilingHealth = 'starting' | 'unhealthy';

/** The fields of an inspection's `State` that are used. */
export interface InspectedState {
  readonly Running: boolean;
  readonly Paused?: boolean | null;
  readonly Restarting?: boolean | null;
  readonly Health?: { readonly Status?: string } | null;
}

/**
 * Undefined where it is healthy, or not checked.
 * @param status `Up 5 minutes (unhealthy)`; only of a container that runs and is not paused it tells the health
 */
export function healthListed(status: string | null | undefined): AilingHealth | undefined {
  return asHealth(/^Up .*\((?:health: )?(starting|unhealthy)\)$/.exec(status ?? '')?.[1]);
}

/** The same from an inspection, which tells it of others, too. */
export function healthInspected({
  Running,
  Paused,
  Restarting,
  Health,
}: InspectedState): AilingHealth | undefined {
  return asHealth(Running && !Paused && !Restarting ? Health?.Status : undefined);
}

function asHealth(text: string | undefined): AilingHealth | undefined {
  return text === 'starting' || text === 'unhealthy' ? text : undefined;
}
