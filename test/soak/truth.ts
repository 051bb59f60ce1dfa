// What Docker says of the containers of the soak, and what the kernel holds of their labels. Not here: what must hold (model.ts).
import { docker } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { type Box, FAR, type Found } from './model.js';

interface Inspected {
  readonly Name: string;
  readonly State: { readonly Running: boolean };
  readonly Config: { readonly Labels: Record<string, string> | null };
  readonly NetworkSettings: { readonly Networks: Record<string, { readonly IPAddress: string }> };
}

/** All containers, one question for each. */
export async function boxes(): Promise<readonly Box[]> {
  const listed = await docker.get<{ Id: string }[]>('/containers/json?all=1');
  return Promise.all(
    listed.map(async ({ Id }): Promise<Box> => {
      const box = await docker.get<Inspected>(`/containers/${Id}/json`);
      const networks = Object.entries(box.NetworkSettings.Networks);
      return {
        name: box.Name.slice(1),
        isRunning: box.State.Running,
        networks: Object.fromEntries(networks.map(([name, { IPAddress }]) => [name, IPAddress])),
        labels: box.Config.Labels ?? {},
      };
    }),
  );
}

/** What is in the namespace of a container that runs. */
export async function found(name: string): Promise<Found> {
  const text = await inside(name, `ip route show ${FAR}; nft list table inet dwgd 2> /dev/null || true`);
  const [chain = ''] = /chain prerouting \{[^}]*(?:\{[^}]*\}[^}]*)*\}/.exec(text) ?? [];
  const forwards = [...chain.matchAll(/tcp \. (\d+) : ([\d.]+) \. 80/g)];
  return {
    routes: text.split('\n').filter(line => line.includes(FAR.split('/')[0]!) && !line.startsWith('\t')),
    forwards: Object.fromEntries(forwards.map(([, port, to]) => [Number(port), to!])),
  };
}
