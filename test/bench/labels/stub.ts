// As much of Docker's API as the keeping of labels asks for, with answers made once from those of a real Docker: for
// more containers than a machine can run. Not here: the containers' namespaces (namespaces.c).
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';

/** Docker's own answers about one container, by which the others are made. */
export interface Pattern {
  readonly listed: object;
  readonly inspected: object;
  readonly networks: object;
  readonly image: object;
  readonly version: object;
  readonly info: object;
}

/** What sets a container apart. */
export interface Standin {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
  /** The path of its namespace. */
  readonly sandboxKey: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Endpoints {
  readonly NetworkSettings: {
    readonly SandboxKey?: string;
    readonly Networks: Readonly<Record<string, object>>;
  };
}

export class DockerStub {
  readonly #answers = new Map<string, Buffer>();
  readonly #listeners = new Set<ServerResponse>();
  readonly #listed: ReadonlyMap<string, object>;
  /** Requests so far. */
  asked = 0;

  constructor(pattern: Pattern, standins: readonly Standin[]) {
    const list = standins.map(standin => listed(pattern.listed, standin));
    this.#listed = new Map(standins.map(({ id }, n) => [id, list[n]!]));
    this.#answer('/containers/json', list);
    this.#answer('/networks', pattern.networks);
    this.#answer('/version', pattern.version);
    this.#answer('/info', pattern.info);
    this.#answer(`/images/${(pattern.inspected as { Image: string }).Image}/json`, pattern.image);
    for (const standin of standins) {
      this.#answer(`/containers/${standin.id}/json`, inspected(pattern.inspected, standin));
    }
  }

  /** Those of a listing that a filter of ids names. */
  #some(filters: string): Buffer {
    const { id = [] } = JSON.parse(filters) as { id?: readonly string[] };
    return Buffer.from(JSON.stringify(id.flatMap(one => this.#listed.get(one) ?? [])));
  }

  #answer(path: string, body: object): void {
    this.#answers.set(path, Buffer.from(JSON.stringify(body)));
  }

  /** Answers on a socket; the function stops it. */
  async serve(socket: string): Promise<() => void> {
    rmSync(socket, { force: true });
    const server = createServer((request, response) => {
      const [path] = request.url!.split('?');
      this.asked++;
      if (path === '/events') {
        response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
        this.#listeners.add(response);
        return;
      }
      const filters = new URL(request.url!, 'http://docker').searchParams.get('filters');
      const body = filters ? this.#some(filters) : this.#answers.get(path!);
      if (!body) response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"message":"none"}');
      else response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
    }).listen(socket);
    await once(server, 'listening');
    return () => {
      server.close();
      server.closeAllConnections();
    };
  }

  /** Tells of a container's start. */
  started({ id }: Standin): void {
    const timeNano = Math.round((performance.timeOrigin + performance.now()) * 1e6);
    const event = { Type: 'container', Action: 'start', Actor: { ID: id, Attributes: {} }, timeNano };
    for (const listener of this.#listeners) listener.write(`${JSON.stringify(event)}\n`);
  }
}

function listed(pattern: object, standin: Standin): object {
  const { id, name, labels } = standin;
  return { ...pattern, ...placed(pattern, standin), Id: id, Names: [`/${name}`], Labels: labels };
}

function inspected(pattern: object, standin: Standin): object {
  const { State, Config } = pattern as { State: object; Config: object };
  const { id, name, pid, labels } = standin;
  return {
    ...pattern,
    ...placed(pattern, standin),
    Id: id,
    Name: `/${name}`,
    State: { ...State, Pid: pid },
    Config: { ...Config, Labels: labels },
  };
}

/** Its namespace, and its address on every network of the pattern. */
function placed(pattern: object, { id, address, sandboxKey }: Standin): Endpoints {
  const { NetworkSettings } = pattern as Endpoints;
  const networks = Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => [
    name,
    { ...endpoint, EndpointID: id, IPAddress: address },
  ]);
  return {
    NetworkSettings: { ...NetworkSettings, SandboxKey: sandboxKey, Networks: Object.fromEntries(networks) },
  };
}
