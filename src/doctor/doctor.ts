// `dwgd doctor`: the facts of this host, gathered side by side, and what is wrong by them. Nothing is changed, and no program
// is run. Not here: how it is printed (cli/commands/doctor.ts).

import { messageOf, UserError } from '../base/errors.js';
import type { LabelSurvey, Status } from '../control/answers.js';
import { DockerApi } from '../docker/api-client.js';
import type { DockerHost } from '../docker/docker-host.js';
import { isExit, parseExitOptions } from '../driver/spec/exit-options.js';
import { parseOptions } from '../driver/spec/options.js';
import { RootlessHosts } from '../driver/users/rootless-hosts.js';
import type { LabelRules } from '../labels/observation.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { CHECKS } from './checks/checks.js';
import type { Facts, LabelFacts } from './checks/facts.js';
import { type Finding, findAll } from './checks/finding.js';
import { type DockerProbe, type OwnNetwork, probeDocker } from './probes/docker.js';
import { HostTree } from './probes/file-tree.js';
import { type NetworkSecrets, probeFiles } from './probes/files.js';
import { type KernelParts, probeKernel } from './probes/kernel.js';
import { probeExits } from './probes/known-exits.js';
import { probeLinks } from './probes/links.js';
import { hasForeignRules, probeManagers } from './probes/managers.js';
import { probeRootless } from './probes/rootless.js';
import { probeDaemon, probeService } from './probes/unit.js';

/** What the daemon is told, as far as it matters. */
export interface DoctorOptions {
  readonly dockerHost: DockerHost;
  readonly database: string;
  readonly rootless: boolean | readonly number[];
  readonly rootlessIfnames: readonly string[];
  /** Absent: labels are left alone. */
  readonly labels?: LabelRules;
  /** Why the configuration would be refused. */
  readonly configuration?: string;
  /** Asks the daemon for what it knows of labels; throws UserError where that gives no answer. */
  readonly askDaemon?: () => Promise<LabelSurvey>;
  /** The same for what it knows of networks. */
  readonly askStatus?: () => Promise<Pick<Status, 'networks' | 'driver'>>;
}

/** Seams for tests. */
export interface DoctorParts extends Omit<KernelParts, 'netns'> {
  /** In front of every path that is looked at. */
  readonly root?: string;
}

/** @throws UserError without the right to look */
export async function examine(options: DoctorOptions, parts: DoctorParts = {}): Promise<Finding[]> {
  return findAll(CHECKS, await gather(options, parts));
}

async function gather(options: DoctorOptions, { root = '', ...kernel }: DoctorParts): Promise<Facts> {
  const { dockerHost, database, rootless, rootlessIfnames, configuration } = options;
  const tree = new HostTree(root);
  const api = new DockerApi(dockerHost, undefined, true);
  const asked = probeDocker(api);
  const netns = await NetnsSwitch.open();
  try {
    const known = probeKernel({ netns, ...kernel });
    const service = probeService(tree);
    const serves = (uid: number): boolean =>
      typeof rootless === 'boolean' ? rootless : rootless.includes(uid);
    const hosts = new RootlessHosts(tree.at('/run/user'), serves);
    const users = probeRootless(hosts, netns.hostKey);
    const docker = await asked;
    const networks = docker.networks.flatMap(readNetwork);
    const ifnames = networks.map(({ ifname }) => ifname);
    return {
      kernel: known,
      docker: { ...docker.facts, networks },
      service,
      daemon: probeDaemon(tree),
      managers: probeManagers(tree, service.active, hasForeignRules()),
      labels: await readLabels(api, docker, options),
      permissions: await probeFiles(
        tree,
        database,
        networks.map(({ secrets }) => secrets),
      ),
      rootless: users,
      exits: await probeExits(docker.networks, options.askStatus),
      hostDns: docker.hostDns,
      links: probeLinks([...ifnames.filter(name => name !== undefined), ...rootlessIfnames]),
      rootlessIfnames,
      ...(configuration !== undefined && { configuration }),
    };
  } finally {
    api.close();
    netns.close();
  }
}

/** A network whose options are not understood was refused when it was made: it is not looked at. */
function readNetwork({ name, options }: OwnNetwork): {
  readonly name: string;
  readonly ifname?: string;
  readonly secrets: NetworkSecrets;
}[] {
  try {
    if (isExit(options)) return [{ name, secrets: { name, files: parseExitOptions(options).files } }];
    const read = parseOptions(options);
    const ifname = read.mode.kind === 'ifname' && { ifname: read.mode.ifname };
    return [{ name, secrets: { name, options: read }, ...ifname }];
  } catch (err) {
    if (err instanceof UserError) return [];
    throw err;
  }
}

const NO_LABELS: LabelFacts = { told: [], firewalls: [], hasHostRoutes: false };

async function readLabels(
  api: DockerApi,
  { hasLabels }: DockerProbe,
  { labels, askDaemon }: DoctorOptions,
): Promise<LabelFacts> {
  if (!hasLabels || !labels) return NO_LABELS;
  const known = await askDaemon?.().catch(unlessBug);
  if (known) return known;
  // Each container with labels costs a question to Docker.
  const { surveyLabels } = await import('../labels/survey.js');
  try {
    const { failures, ...survey } = await surveyLabels(api, labels);
    return { ...survey, ...(failures[0] !== undefined && { unread: failures[0] }) };
  } catch (err) {
    return { ...NO_LABELS, unread: messageOf(err) };
  }
}

/** A daemon that does not run, or knows nothing now, is no fault of the labels. */
function unlessBug(err: unknown): undefined {
  if (!(err instanceof UserError)) throw err;
}
