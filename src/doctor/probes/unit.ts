// What systemd is told of dwgd and Docker, by its own files: no program is run, and nobody is asked. Not here: what is wrong
// with it (doctor/checks/unit.ts).

import { dirname } from 'node:path';
import { startTime } from '../../base/proc-stat.js';
import { RUN_DIR } from '../../control/paths.js';
import type { ConfFile, DaemonFacts, ServiceFacts } from '../checks/facts.js';
import { settingsOf } from '../checks/ini.js';
import type { HostTree } from './file-tree.js';

/** Where units are, the first that counts first. */
const UNITS = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map(at => `${at}/systemd/system`);
/** Where the control groups of services are, in either version of them. */
const CGROUPS = ['', '/systemd', '/unified'].map(at => `/sys/fs/cgroup${at}/system.slice`);
const DWGD = 'dwgd.service';
const LOOKED_FOR = [DWGD, 'docker.service', 'systemd-networkd.service', 'NetworkManager.service'];
const NOWHERE = '/dev/null';
const [PLUGIN, SOCKET] = ['/run/docker/plugins/dwgd.sock', `${RUN_DIR}/dwgd.sock`];

export function probeService(tree: HostTree): ServiceFacts {
  const [dwgd, docker] = [unit(tree, DWGD), unit(tree, 'docker.service')];
  return {
    isSystemd: tree.stat('/run/systemd/system')?.isDirectory() === true,
    active: LOOKED_FOR.filter(name => CGROUPS.some(folder => tree.stat(`${folder}/${name}`)?.isDirectory())),
    ...(dwgd && { dwgd }),
    ...(docker && { docker }),
    isEnabled: UNITS.some(folder =>
      tree
        .names(folder)
        .filter(name => /\.(wants|requires|upholds)$/.test(name))
        .some(name => tree.stat(`${folder}/${name}/${DWGD}`, false) !== undefined),
    ),
    isMasked: tree.target(pathOf(tree, DWGD) ?? '') === NOWHERE,
  };
}

function pathOf(tree: HostTree, name: string): string | undefined {
  return UNITS.map(folder => `${folder}/${name}`).find(path => tree.stat(path, false) !== undefined);
}

/** The unit's file and its drop-ins. */
function unit(tree: HostTree, name: string): ConfFile[] | undefined {
  const path = pathOf(tree, name);
  const own = path === undefined ? [] : tree.file(path);
  if (own.length === 0) return undefined;
  const dropIns = tree.files(
    UNITS.map(folder => `${folder}/${name}.d`),
    '.conf',
  );
  return [...own, ...dropIns];
}

/** What runs of dwgd, and whether Docker finds it. */
export function probeDaemon(tree: HostTree): DaemonFacts {
  const driver = isHeld(tree, `${RUN_DIR}/dwgd.pid`);
  const socket = driver ? whyNotFound(tree) : undefined;
  return { driver, labels: isHeld(tree, `${RUN_DIR}/labels.lock`), ...(socket !== undefined && { socket }) };
}

/** The process that has written its number into a lock of dwgd's; undefined where none of that name is there. */
export function holderOf(tree: HostTree, lock: string): number | undefined {
  const pid = /^([1-9]\d{0,9})\n?$/.exec(tree.text(lock) ?? '')?.[1];
  if (pid === undefined) return undefined;
  const stat = tree.text(`/proc/${pid}/stat`) ?? '';
  return stat.startsWith(`${pid} (dwgd) `) && startTime(stat) !== undefined ? Number(pid) : undefined;
}

function isHeld(tree: HostTree, lock: string): boolean {
  return holderOf(tree, lock) !== undefined;
}

function whyNotFound(tree: HostTree): string | undefined {
  const target = tree.target(PLUGIN);
  if (target === undefined)
    return `${PLUGIN}, by which Docker finds dwgd, is ${tree.stat(PLUGIN, false) ? 'no link of its own' : 'not there'}`;
  if (target !== SOCKET) return `${PLUGIN}, by which Docker finds dwgd, leads to ${target.slice(0, 120)}`;
  return tree.stat(SOCKET)?.isSocket()
    ? undefined
    : `${SOCKET}, where dwgd answers Docker, is not there (in ${dirname(SOCKET)})`;
}

/** How a unit starts the daemon. */
export interface UnitCommand {
  /** Behind the program's name. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Nothing where there is no unit, or it starts something else. */
export function commandOfUnit(tree: HostTree): UnitCommand {
  const settings = (unit(tree, DWGD) ?? [])
    .flatMap(({ text }) => settingsOf(text))
    .filter(({ section }) => section === 'Service');
  const [program = '', ...words] = wordsIn(
    settings.findLast(({ key, value }) => key === 'ExecStart' && value !== '')?.value,
  );
  const pairs = settings.flatMap(({ key, value }) => (key === 'Environment' ? wordsIn(value) : []));
  return {
    words: /(^|\/)dwgd$/.test(program) ? words : [],
    environment: Object.fromEntries(
      pairs.map(pair => [pair.split('=')[0]!, pair.slice(pair.indexOf('=') + 1)]),
    ),
  };
}

/** Words as systemd parts them, with or without quotes; the signs before a program's name are none of it. */
function wordsIn(text = ''): string[] {
  const words = text.replace(/^[@:+!-]+/, '').match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map(word => word.replaceAll(/["']/g, ''));
}
