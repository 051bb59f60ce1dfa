// Our routes on a simulated FIB: what a packet takes after each change, whatever was there before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../../../../src/base/ip.js';
import { RTPROT_DWGD } from '../../../../src/base/ownership.js';
import { diff } from '../../../../src/labels/diff/diff.js';
import type { Change, DesiredRoute } from '../../../../src/labels/diff/state.js';
import { type Route, RT_TABLE_MAIN, RTN_UNICAST } from '../../../../src/netlink/route/route.js';
import { desired, observed, route } from '../../../support/label-states.js';
import { address, prefix } from '../../../support/label-world.js';

/** The routes to one network in one table, as the kernel keeps them: in order, or in IPv6 by metric. */
class Fib {
  constructor(
    readonly family: 4 | 6,
    readonly routes: Route[],
  ) {}

  apply(change: Change): void {
    if (change.kind === 'addRoute') {
      const added = { type: RTN_UNICAST, protocol: 0, metric: 0, table: RT_TABLE_MAIN, ...change.route };
      assert.ok(!this.routes.some(other => sameRoute(other, added)), 'EEXIST');
      const multipath = this.routes.some(
        other => this.family === 6 && other.metric === added.metric && other.type === RTN_UNICAST,
      );
      assert.ok(!multipath || added.type !== RTN_UNICAST, 'a multipath route');
      this.routes.unshift(added);
      if (this.family === 6) this.routes.sort((a, b) => a.metric - b.metric);
    } else if (change.kind === 'deleteRoute') {
      const at = this.routes.findIndex(other => sameRoute(other, change.route as Route));
      assert.ok(at >= 0, 'ESRCH');
      this.routes.splice(at, 1);
    } else if (change.kind !== 'addRule' && change.kind !== 'deleteRule') assert.fail(change.kind);
  }

  /** Where a packet goes. */
  get way(): string {
    const [first] = this.routes;
    return first === undefined ? 'elsewhere' : whereTo(first);
  }

  /** As a dump of our protocol gives it. */
  get ours(): Route[] {
    return this.routes.filter(({ protocol }) => protocol === RTPROT_DWGD);
  }
}

function whereTo({ protocol, gateway }: Route): string {
  if (protocol !== RTPROT_DWGD) return 'docker';
  return gateway ? formatAddress(gateway) : 'unreachable';
}

function sameRoute(a: Route, b: Route): boolean {
  return whereTo(a) === whereTo(b) && a.type === b.type && a.metric === b.metric && a.protocol === b.protocol;
}

const FAMILIES = [
  {
    family: 4,
    network: '10.8.0.0/16',
    gateways: ['10.0.0.3', '10.0.0.4', '10.0.0.5'],
    metrics: [0],
    docker: 0,
  },
  {
    family: 6,
    network: 'fd08::/16',
    gateways: ['fd00::3', 'fd00::4', 'fd00::5'],
    metrics: [1, 2, 3, 4],
    docker: 1024,
  },
] as const;

for (const { family, network, gateways, metrics, docker } of FAMILIES) {
  const fallback: DesiredRoute = { network: prefix(network) };
  const via = (gateway: string): DesiredRoute => ({ network: prefix(network), gateway: address(gateway) });
  const wanted = fc.oneof(
    fc.constant([fallback]),
    fc.constantFrom(...gateways).map(gateway => [via(gateway), fallback]),
  );
  /** Whatever of ours may be there, in any order, above or (where that can be) below Docker's. */
  const fib = fc
    .tuple(
      fc.uniqueArray(fc.tuple(fc.constantFrom(undefined, ...gateways), fc.constantFrom(...metrics)), {
        maxLength: 4,
        selector: ([gateway, metric]) => (family === 4 ? (gateway ?? '') : String(metric)),
      }),
      fc.boolean(),
    )
    .map(([ours, hasDocker]) => {
      const theirs: Route = { ...route(network, gateways[0]), protocol: 3, metric: docker };
      const routes = [
        ...ours.map(([gateway, metric]) => route(network, gateway, metric)),
        ...(hasDocker ? [theirs] : []),
      ];
      if (family === 6) routes.sort((a, b) => a.metric - b.metric);
      return new Fib(family, routes);
    });

  const bring = (fib: Fib, routes: readonly DesiredRoute[]): { before: string; ways: string[] } => {
    const before = fib.way;
    const ways = diff(desired({ routes }), observed({ routes: fib.ours })).map(change => {
      fib.apply(change);
      return fib.way;
    });
    assert.deepEqual(diff(desired({ routes }), observed({ routes: fib.ours })), [], 'a second look');
    return { before, ways };
  };
  const copy = (fib: Fib): Fib => new Fib(family, [...fib.routes]);

  test(`IPv${family}: whatever is there, the right route wins in the end and Docker's never in between`, () => {
    fc.assert(
      fc.property(fib, wanted, (start, routes) => {
        const end = copy(start);
        const { before, ways } = bring(end, routes);
        const gateway = routes.find(({ gateway }) => gateway)?.gateway;
        assert.equal(end.way, gateway ? formatAddress(gateway) : 'unreachable');
        assert.equal(end.ours.length, routes.length);
        assert.ok(end.routes.filter(({ protocol }) => protocol === 3).length <= 1);
        const leaks = ways.filter(way => way === 'docker' || way === 'elsewhere');
        if (before !== 'docker' && before !== 'elsewhere') assert.deepEqual(leaks, []);
        else assert.ok(leaks.length <= 1);
      }),
    );
  });

  test(`IPv${family}: from a state of ours to the next, a packet takes the old way or the new one`, () => {
    fc.assert(
      fc.property(fc.boolean(), wanted, wanted, (hasDocker, from, to) => {
        const theirs: Route = { ...route(network, gateways[0]), protocol: 3, metric: docker };
        const fib = new Fib(family, hasDocker ? [theirs] : []);
        bring(fib, from);
        const { before, ways } = bring(fib, to);
        for (const way of ways) assert.ok(way === before || way === fib.way, ways.join());
      }),
    );
  });

  test(`IPv${family}: without labels what is left is Docker's, untouched`, () => {
    fc.assert(
      fc.property(fib, start => {
        const theirs = start.routes.filter(({ protocol }) => protocol === 3);
        const end = copy(start);
        bring(end, []);
        assert.deepEqual(end.routes, theirs);
      }),
    );
  });

  test(`IPv${family}: when the kernel has dropped the gateway's route, the fallback holds until it is back`, () => {
    const theirs: Route = { ...route(network, gateways[0]), protocol: 3, metric: docker };
    const fib = new Fib(family, [theirs]);
    bring(fib, [via(gateways[1]), fallback]);
    const dropped = new Fib(
      family,
      fib.routes.filter(route => whereTo(route) !== gateways[1]),
    );
    assert.equal(dropped.way, 'unreachable');
    assert.deepEqual(bring(dropped, [via(gateways[1]), fallback]).ways, [gateways[1]]);
  });
}
