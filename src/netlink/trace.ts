// What a request would be on the command line, for the log at -v: the form of ip(8), wg(8) and sysctl(8), and the helpers
// option() and words() of route/describe.ts and wireguard/describe.ts. Nothing is ever run from these; secrets show as
// "(secret)".

/** Is called with each change before it is made; when absent, changes are not described. */
export type Trace = (command: string) => void;

/** @param name below /proc/sys/net, with slashes */
export function sysctlWrite(name: string, value: string): string {
  return `sysctl -w net/${name}=${value}`;
}

/** `name value`; undefined where there is no value. */
export function option(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : `${name} ${value}`;
}

/** The parts that are there, with a space between them. */
export function words(...parts: (string | undefined)[]): string {
  return parts.filter(part => part !== undefined).join(' ');
}
