// Which Docker it is, by its answer to `GET /version`. Pure. Not here: what is known of some versions (doctor/checks/docker.ts).

const VERSION_MAX = 64;

/** Docker's versions as numbers: major, minor, patch. */
export type EngineVersion = readonly [number, number, number];

/** Its text; undefined where the answer has none. */
export function readVersion(answer: unknown): string | undefined {
  const { Version } = (answer ?? {}) as { Version?: unknown };
  return typeof Version === 'string' ? Version.slice(0, VERSION_MAX) : undefined;
}

/** Its numbers; undefined where it begins with none. */
export function parseVersion(version: string): EngineVersion | undefined {
  const [, major, minor, patch] = /^(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?/.exec(version) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch ?? 0)];
}
