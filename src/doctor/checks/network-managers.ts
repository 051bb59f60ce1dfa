// Programs that would take a container's link while it stands in the host's namespace, or remove what labels put into the
// host's tables: systemd-networkd and NetworkManager. Pure. Not here: where their files are (doctor/probes/managers.ts).

import { LINK_NAME_PREFIX } from '../../base/ownership.js';
import { plain } from '../../base/plain-text.js';
import type { ConfFile } from './facts.js';
import type { Check } from './finding.js';
import { booleanOf, type ConfLine, fitsGlob, lastOf, settingsOf } from './ini.js';

/** A container's link as it stands in the host's namespace until Docker moves it. */
const SAMPLE = `${LINK_NAME_PREFIX}0123456789ab`;
const KIND = 'wireguard';
const PATH_MAX = 160;

export const MANAGER_CHECKS: readonly Check[] = [
  {
    heading: 'networkd takes the links of containers',
    find: ({ managers: { networkd } }) => {
      const first = networkd?.networks.find(({ text }) => matchesLink(settingsOf(text)));
      if (!first || booleanOf(lastOf([first.text], 'Link', 'Unmanaged')) === true) return [];
      return [
        {
          what: `systemd-networkd takes links of containers (${LINK_NAME_PREFIX}…) for its own by ${plain(first.path, PATH_MAX)}, and changes them before Docker has them`,
          remedy: `make /etc/systemd/network/00-dwgd.network with the lines "[Match]", "Name=${LINK_NAME_PREFIX}*", "[Link]", "Unmanaged=yes", and run networkctl reload`,
        },
      ];
    },
  },
  {
    heading: 'networkd removes routes of labels',
    find: ({ managers: { networkd }, labels }) =>
      removes(
        networkd?.settings,
        'ManageForeignRoutes',
        labels.hasHostRoutes,
        'routes that labels gave the host (twine.host.routes)',
      ),
  },
  {
    heading: 'networkd removes policy rules',
    find: ({ managers: { networkd, hasForeignRules } }) =>
      removes(
        networkd?.settings,
        'ManageForeignRoutingPolicyRules',
        hasForeignRules,
        'policy rules of the host that others made (wg-quick with AllowedIPs = 0.0.0.0/0)',
      ),
  },
  {
    heading: 'NetworkManager takes the links of containers',
    find: ({ managers: { networkManager } }) =>
      networkManager === undefined || isUnmanaged(networkManager)
        ? []
        : [
            {
              what: `NetworkManager takes links of containers (${LINK_NAME_PREFIX}…) for its own while they stand in the host's namespace`,
              remedy: `make /etc/NetworkManager/conf.d/dwgd.conf with the lines "[keyfile]" and "unmanaged-devices+=interface-name:${LINK_NAME_PREFIX}*", and run systemctl reload NetworkManager`,
            },
          ],
  },
];

/** What networkd removes when it starts or reads its files again, unless it is told not to. */
function removes(files: readonly ConfFile[] | undefined, key: string, isThere: boolean, what: string) {
  if (!files || !isThere) return [];
  if (
    booleanOf(
      lastOf(
        files.map(({ text }) => text),
        'Network',
        key,
      ),
    ) === false
  )
    return [];
  return [
    {
      what: `systemd-networkd removes ${what} whenever it is restarted, since ${key} is not "no"`,
      remedy: `make /etc/systemd/networkd.conf.d/dwgd.conf with the lines "[Network]" and "${key}=no", and run systemctl restart systemd-networkd`,
    },
  ];
}

/** Whether the conditions of a .network file hold for a container's link; those that it has no value for do not. */
function matchesLink(settings: readonly ConfLine[]): boolean {
  const conditions = settings.filter(({ section }) => section === 'Match');
  const known: Readonly<Record<string, string>> = {
    Name: SAMPLE,
    OriginalName: SAMPLE,
    Type: KIND,
    Kind: KIND,
    Driver: KIND,
  };
  return (
    conditions.some(({ key }) => known[key] !== undefined) &&
    conditions.every(
      ({ key, value }) => value === '' || (known[key] !== undefined && fitsAny(value, known[key])),
    )
  );
}

/** Patterns between spaces; with `!` in front of all, none may fit. */
function fitsAny(value: string, name: string): boolean {
  const isNegated = value.startsWith('!');
  const patterns = (isNegated ? value.slice(1) : value).split(/\s+/).slice(0, 256);
  return patterns.some(pattern => fitsGlob(pattern, name)) !== isNegated;
}

/** Whether some setting has NetworkManager leave a container's link alone. */
function isUnmanaged(files: readonly ConfFile[]): boolean {
  const settings = files.map(({ text }) => settingsOf(text));
  let devices: string[] = [];
  for (const { section, key, value } of settings.flat()) {
    if (section !== 'keyfile' || !/^unmanaged-devices[+-]?$/.test(key)) continue;
    const given = value.split(/[;,]/).map(one => one.trim());
    if (key.endsWith('+')) devices = [...devices, ...given];
    else if (key.endsWith('-')) devices = devices.filter(one => !given.includes(one));
    else devices = given;
  }
  return isMeant(devices) || settings.some(isLeftBySection);
}

/** `[device-x]` with `match-device=` and `managed=0`. */
function isLeftBySection(settings: readonly ConfLine[]): boolean {
  const sections = new Set(settings.filter(({ section }) => /^device\b/.test(section)).map(({ at }) => at));
  return [...sections].some(at => {
    const own = new Map(settings.filter(one => one.at === at).map(({ key, value }) => [key, value]));
    const match = own
      .get('match-device')
      ?.split(/[;,]/)
      .map(one => one.trim());
    return booleanOf(own.get('managed')) === false && (match === undefined || isMeant(match));
  });
}

/** Whether a list of NetworkManager's specs has a container's link, and no exception for it. */
function isMeant(specs: readonly string[]): boolean {
  const fits = (spec: string): boolean => {
    const [, kind, rest = ''] = /^(interface-name|type|driver|except):(.*)$/.exec(spec) ?? [];
    if (spec === '*') return true;
    if (kind === 'type' || kind === 'driver') return rest === KIND;
    if (kind !== 'interface-name') return false;
    return rest.startsWith('=') ? rest.slice(1) === SAMPLE : fitsGlob(rest.replace(/^~/, ''), SAMPLE);
  };
  const exceptions = specs
    .filter(spec => spec.startsWith('except:'))
    .map(spec => spec.slice('except:'.length));
  return specs.some(fits) && !exceptions.some(fits);
}
