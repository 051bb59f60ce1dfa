// The daemon's settings, one table: flags, variables, keys of the file and the tables of the manual are made from it. Not here:
// how values are read (flag-values.ts), which source counts (sources.ts).

import { InvalidArgumentError } from 'commander';
import { formatPrefix, type Prefix } from '../../base/ip.js';
import { formatMetricsAddress, type MetricsAddress } from '../../control/metrics-address.js';
import type { DaemonOptions } from '../../daemon.js';
import { DEFAULT_DOCKER_HOST } from '../../docker/docker-host.js';
import {
  readDockerHost,
  readLinkNames,
  readMetricsAddress,
  readNetworks,
  readRootless,
  readSeconds,
  UsageError,
} from './flag-values.js';
import { readGoBoolean } from './go-flags.js';

/** What every setting comes to. */
export interface Settings {
  readonly database: string;
  readonly verbose: boolean;
  readonly rootless: boolean | readonly number[];
  readonly 'rootless-ifname': readonly string[];
  readonly driver: boolean;
  readonly labels: boolean;
  readonly 'docker-host': string | undefined;
  readonly 'trust-image-labels': boolean;
  readonly 'allow-host-routes': readonly Prefix[];
  readonly strict: boolean;
  readonly hold: boolean;
  readonly 'look-interval': number;
  readonly metrics: MetricsAddress | undefined;
  readonly page: boolean;
}

export type SettingKey = keyof Settings;

/** What a file may give: a switch takes a boolean, and so on. */
type SettingKind = 'text' | 'switch' | 'list' | 'number' | 'users';

export interface Setting<Key extends SettingKey = SettingKey> {
  /** Its key in the file; with `DWGD_` in front, in capitals, its variable. */
  readonly key: Key;
  /** As commander has them. */
  readonly flags: string;
  readonly meaning: string;
  readonly kind: SettingKind;
  /** From the text of a flag, a variable or the file. @throws InvalidArgumentError */
  readonly read: (text: string) => Settings[Key];
  readonly default: Settings[Key];
  /** Whether a running daemon takes over another value. */
  readonly reloads?: true;
}

function readSwitch(text: string): boolean {
  const value = readGoBoolean(text);
  if (value === undefined) throw new InvalidArgumentError('Give true or false.');
  return value;
}

type Table = { readonly [Key in SettingKey]: Omit<Setting<Key>, 'key'> };

const TABLE: Table = {
  database: {
    flags: '-d <path>',
    meaning: 'the database; empty: in memory, where networks are adopted from Docker again at each start',
    kind: 'text',
    read: text => text,
    default: '/var/lib/dwgd.db',
  },
  verbose: {
    flags: '-v',
    meaning: "log each of Docker's calls, and each change as the ip or wg line that would make it",
    kind: 'switch',
    read: readSwitch,
    default: false,
  },
  rootless: {
    flags: '-r [users]',
    meaning:
      'serve rootless Dockers too; -r=false: only the one of root; -r=alice,1001: those of these users',
    kind: 'users',
    read: readRootless,
    default: true,
  },
  'rootless-ifname': {
    flags: '--rootless-ifname <names>',
    meaning: 'interfaces of this host that rootless Dockers may join by dwgd.ifname, separated by commas',
    kind: 'list',
    read: text => readLinkNames(text, []),
    default: [],
  },
  driver: {
    flags: '--no-driver',
    meaning: 'do not be a network driver: labels only',
    kind: 'switch',
    read: readSwitch,
    default: true,
  },
  labels: {
    flags: '--no-labels',
    meaning: 'leave container labels alone: the driver only',
    kind: 'switch',
    read: readSwitch,
    default: true,
  },
  'docker-host': {
    flags: '--docker-host <host>',
    meaning: `where Docker's API is: unix:///path or tcp://host:port; absent: DOCKER_HOST, else ${DEFAULT_DOCKER_HOST}`,
    kind: 'text',
    read: readDockerHost,
    default: undefined,
  },
  'trust-image-labels': {
    flags: '--trust-image-labels',
    meaning: "let labels that come with a container's image count",
    kind: 'switch',
    read: readSwitch,
    default: false,
    reloads: true,
  },
  'allow-host-routes': {
    flags: '--allow-host-routes <networks>',
    meaning:
      'networks that twine.host.routes may name though they are wide or hold an address in use, separated by commas',
    kind: 'list',
    read: text => readNetworks(text),
    default: [],
    reloads: true,
  },
  strict: {
    flags: '--strict',
    meaning: 'every labelled container is as if it had twine.strict=true',
    kind: 'switch',
    read: readSwitch,
    default: false,
    reloads: true,
  },
  hold: {
    flags: '--no-hold',
    meaning: 'do not drop at the host what a container sends before its labels are in force',
    kind: 'switch',
    read: readSwitch,
    default: true,
    reloads: true,
  },
  'look-interval': {
    flags: '--look-interval <seconds>',
    meaning: 'how often every namespace is read again, even if nothing was heard of it',
    kind: 'number',
    read: readSeconds,
    default: 300,
    reloads: true,
  },
  metrics: {
    flags: '--metrics <address>',
    meaning:
      "a port, or addr:port, where Prometheus may scrape by TCP; without an address it is the host's loopback",
    kind: 'text',
    read: readMetricsAddress,
    default: undefined,
  },
  page: {
    flags: '--page',
    meaning: 'show containers, gateways, tunnels and labels as a picture there, for a browser',
    kind: 'switch',
    read: readSwitch,
    default: false,
  },
};

export const SETTING_KEYS = Object.keys(TABLE) as readonly SettingKey[];

/** In the order of the manual. */
export const SETTINGS: readonly Setting[] = SETTING_KEYS.map(key => ({ key, ...TABLE[key] }) as Setting);

export const DEFAULTS = Object.fromEntries(
  SETTINGS.map(setting => [setting.key, setting.default]),
) as unknown as Settings;

/** The variable that has a setting's value: `DWGD_LOOK_INTERVAL`. */
export function variableOf(key: string): string {
  return `DWGD_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** What the daemon is asked for. @throws UsageError where settings contradict each other */
export function daemonOptions(settings: Settings): DaemonOptions {
  const { database, verbose, rootless, driver, labels, metrics, page } = settings;
  const dockerHost = settings['docker-host'];
  if (!driver && !labels) throw new UsageError('give --no-driver or --no-labels, not both: nothing is left');
  if (page && !metrics)
    throw new UsageError('give --metrics 9586 beside --page: the page is at that address');
  return {
    database,
    verbose,
    rootless,
    rootlessIfnames: settings['rootless-ifname'],
    driver,
    ...(dockerHost !== undefined && { dockerHost }),
    ...(metrics && { metrics }),
    ...(page && { page }),
    ...(labels && {
      labels: {
        trustImageLabels: settings['trust-image-labels'],
        allowHostRoutes: settings['allow-host-routes'],
        strict: settings.strict,
        hold: settings.hold,
        resyncInterval: settings['look-interval'] * 1000,
      },
    }),
  };
}

/** A value as the file would have it, in JSON, which is TOML as well. */
export function plainValue(key: SettingKey, value: unknown): unknown {
  if (key === 'allow-host-routes') return (value as readonly Prefix[]).map(formatPrefix);
  return key === 'metrics' && value ? formatMetricsAddress(value as MetricsAddress) : value;
}
