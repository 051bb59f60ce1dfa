// What is in force of some labels, after a pass over a namespace that is not there: one container whose labels are, one with
// a label that has a mistake, one that is not running.
import { pino } from 'pino';
import { Reconciler } from '../../src/labels/controller/reconciler.js';
import type { LabelsStatusParts } from '../../src/labels/status.js';
import { FakeNamespace } from './fake-namespace.js';
import { REF } from './fake-sandbox.js';
import { container, plan } from './label-world.js';

interface Asked {
  readonly parts: LabelsStatusParts;
  close(): void;
}

/** Containers `router` (a route and a broken label) and `stopped`, after a pass. */
export async function overviewOf(): Promise<Asked> {
  const ns = new FakeNamespace();
  ns.sysctls.set('ipv4/ip_forward', '0');
  const sandboxes = ns.sandboxes(() => undefined);
  const router = container('router', {
    networks: { lan: '10.9.0.2' },
    labels: { 'twine.route.10.0.0.0/8': '10.9.0.3', 'twine.route.garbage': 'nowhere' },
  });
  const stopped = container('stopped', { netns: null, labels: { 'twine.nat.interfaces': 'eth0' } });
  const containers = [{ ...router, netns: REF }, stopped];
  const reconcile = new Reconciler({
    list: async () => containers,
    *plan(found) {
      yield;
      return plan(found);
    },
    reconcile: desired => sandboxes.reconcile(desired),
    reconcileHost: () => ({ changes: [], failures: [] }),
    log: pino({ level: 'silent' }),
    resyncInterval: 1e6,
  });
  reconcile.trigger();
  await reconcile.idle();
  const close = (): void => {
    reconcile.close();
    sandboxes.close();
  };
  return { parts: partsOf(reconcile.overview, desired => sandboxes.compare(desired)), close };
}

/** Where there is no host, and no namespace has a firewall of its own. */
export function partsOf(
  overview: LabelsStatusParts['overview'],
  compare: LabelsStatusParts['compare'] = () => undefined,
): LabelsStatusParts {
  const drift: LabelsStatusParts['drift'] = {
    status: { heard: 1, muted: 0, unheard: 0 },
    stateOf: () => 'heard',
  };
  return { overview, compare, drift, notices: () => [], hostRouteChanges: () => [] };
}
