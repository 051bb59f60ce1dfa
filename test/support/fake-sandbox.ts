// A namespace that is not there, what labels ask of it, and what programs it: for tests of errors that need no root.
import type { TestContext } from 'node:test';
import { withDigest } from '../../src/labels/diff/digest.js';
import type { SandboxDesired } from '../../src/labels/diff/state.js';
import { netnsAt } from '../../src/labels/discovery/proc-netns.js';
import type { ApplyResult } from '../../src/labels/namespace/outcome.js';
import type { Sandboxes } from '../../src/labels/namespace/sandbox.js';
import { FakeNamespace, type Fault } from './fake-namespace.js';
import { accepting, withFallback } from './label-namespace.js';

export const ERRNOS = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EAGAIN: 11,
  ENOMEM: 12,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  EHOSTUNREACH: 113,
} as const;

export const REF = netnsAt('/proc/self/ns/net')!;
export const DESIRED: SandboxDesired = withDigest({
  netns: REF,
  containers: ['app'],
  table: accepting(80),
  routes: [...withFallback('10.0.0.0/8', '10.9.0.3'), ...withFallback('0.0.0.0/0', '10.9.0.4')],
  sysctls: [{ name: 'ipv4/ip_forward', value: '1' }],
});
export const FALLBACK = '10.0.0.0/8 unreachable metric 0 table 254';
export const GATEWAY = '10.0.0.0/8 via 10.9.0.3 metric 0 table 254';
const DEFAULT = ['0.0.0.0/0 unreachable metric 0 table 229', '0.0.0.0/0 via 10.9.0.4 metric 0 table 229'];
export const WHOLE = ['ipv4/ip_forward=1', 'rules 5', 'table', FALLBACK, GATEWAY, ...DEFAULT].sort();

export interface World {
  readonly ns: FakeNamespace;
  readonly sandboxes: Sandboxes;
  readonly said: string[];
}

export function world(t: TestContext): World {
  const [ns, said] = [new FakeNamespace(), [] as string[]];
  ns.sysctls.set('ipv4/ip_forward', '0');
  const sandboxes = ns.sandboxes(command => said.push(command));
  t.after(() => sandboxes.close());
  return { ns, sandboxes, said };
}

/** What the namespace holds of ours. */
export function held({ ns }: World): string[] {
  const forwarding = ns.sysctls.get('ipv4/ip_forward');
  return [
    ...ns.routeWords,
    ...(ns.rules.length > 0 ? [`rules ${ns.rules.length}`] : []),
    ...(ns.tables.has('dwgd') ? ['table'] : []),
    ...(forwarding === '1' ? ['ipv4/ip_forward=1'] : []),
  ].sort();
}

export const without = (...gone: string[]): string[] => WHOLE.filter(one => !gone.includes(one));
export const failuresOf = (result: ApplyResult | undefined): string[] =>
  result!.failures.map(({ message }) => message);
export const failing = (ns: FakeNamespace, what: string, fault: Fault): void => {
  ns.fault = asked => (asked === what ? fault : undefined);
};
