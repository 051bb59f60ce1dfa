// The facts that `dwgd doctor` judges by, as plain data. What could not be read is absent, and nothing follows from it. Types
// only.

import type { Risk } from '../../labels/spec/intent.js';

/** What this kernel and this machine's libraries can do. */
export interface KernelFacts {
  /** Why no network namespace can be made; then nothing is known of the modules of nf_tables. */
  readonly namespaces?: string;
  readonly hasWireGuard: boolean;
  readonly hasNftables: boolean;
  /** Names of modules of nf_tables without which tables of labels are refused. */
  readonly missingModules: readonly string[];
  /** Why libnftables cannot be loaded. */
  readonly library?: string;
}

/** An endpoint with a gateway of a running container. */
export interface GatewayEndpoint {
  readonly network: string;
  readonly priority: number;
  readonly hasIPv4: boolean;
  readonly hasIPv6: boolean;
}

/** A network of driver dwgd. */
interface NetworkFacts {
  readonly name: string;
  /** The interface of this host that it joins: `dwgd.ifname`. */
  readonly ifname?: string;
}

export interface DockerFacts {
  /** As `unix:///path` or `tcp://host:port`. */
  readonly host: string;
  /** Why it does not answer at all. */
  readonly silent?: string;
  /** What it, or a proxy before it, refuses: a sentence each. */
  readonly refused: readonly string[];
  readonly version?: string;
  /** By names of containers. */
  readonly gateways: ReadonlyMap<string, readonly GatewayEndpoint[]>;
  readonly networks: readonly NetworkFacts[];
}

/** A file of settings, with where it is. */
export interface ConfFile {
  readonly path: string;
  readonly text: string;
}

/** What systemd is told of services, and which of them are active. */
export interface ServiceFacts {
  /** Whether systemd runs this host. */
  readonly isSystemd: boolean;
  /** Names of services that are active: `docker.service`. */
  readonly active: readonly string[];
  /** The files of a unit in the order in which they count: its own, then its drop-ins. Absent: there is no such unit. */
  readonly dwgd?: readonly ConfFile[];
  readonly docker?: readonly ConfFile[];
  /** Whether something pulls dwgd.service in at boot. */
  readonly isEnabled: boolean;
  readonly isMasked: boolean;
}

/** What runs of dwgd, by its locks. */
export interface DaemonFacts {
  readonly driver: boolean;
  readonly labels: boolean;
  /** What is wrong with the link by which Docker finds the driver. */
  readonly socket?: string;
}

/** What programs that manage the host's links are told. */
export interface ManagerFacts {
  /** `.network` files, in the order in which they are tried; absent: networkd does not run. */
  readonly networkd?: { readonly networks: readonly ConfFile[]; readonly settings: readonly ConfFile[] };
  /** In the order in which they count; absent: NetworkManager does not run. */
  readonly networkManager?: readonly ConfFile[];
  /** Whether the host has policy rules that are neither the kernel's nor networkd's. */
  readonly hasForeignRules: boolean;
}

/** What is said of a label of a container. */
export interface LabelTold {
  readonly container: string;
  readonly key: string;
  readonly message: string;
  /** Absent: the label is not in force. */
  readonly risk?: Risk;
}

export interface LabelFacts {
  readonly told: readonly LabelTold[];
  /** What the firewalls of gateways do, by containers. */
  readonly firewalls: readonly { readonly container: string; readonly message: string }[];
  /** Whether labels ask for routes of the host. */
  readonly hasHostRoutes: boolean;
  /** Why the daemon does not hear what others change. */
  readonly deafBecause?: string;
  /** Why nothing is known. */
  readonly unread?: string;
}

/** Owner and mode of what is at a path. */
export interface FileFacts {
  readonly path: string;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface PermissionFacts {
  readonly database: readonly FileFacts[];
  /** Why files of secrets of networks cannot be used. */
  readonly secrets: readonly { readonly network: string; readonly why: string }[];
  /** The folder of the sockets, and the sockets. */
  readonly sockets: readonly FileFacts[];
}

/** A container for which Docker asks the DNS from the host. */
export interface HostDns {
  /** An exit network that it is on. */
  readonly network: string;
  readonly container: string;
  readonly server: string;
}

/** What a running daemon knows of an exit network that Docker has. */
export interface ExitFacts {
  readonly network: string;
  /** Absent: it does not know the network. */
  readonly known?: {
    /** Whether one container has the tunnel itself, with no router between. */
    readonly isDirect: boolean;
    /** Why nothing goes out. */
    readonly problem?: string;
    /** Whether packets are sent, and no peer answers. */
    readonly isSilent: boolean;
    /** As `192.0.2.1:51820`, those of the tunnel's peers. */
    readonly endpoints: readonly string[];
    /** Why the provider assigns no port; absent: it does, or is not asked. */
    readonly portProblem?: string;
    /** What keeps files from being in force as they are. */
    readonly files: readonly { readonly path: string; readonly problem: string }[];
  };
}

/** A user's rootless Docker. */
export interface RootlessFacts {
  readonly uid: number;
  readonly sharesHostNetwork: boolean;
  /** Whether it finds the socket of dwgd. */
  readonly findsDriver: boolean;
}

/** Kinds of links of the host, by the names that somebody means: absent where there is no such link. */
export type LinkFacts = ReadonlyMap<string, string>;

export interface Facts {
  readonly kernel: KernelFacts;
  readonly docker: DockerFacts;
  readonly service: ServiceFacts;
  readonly daemon: DaemonFacts;
  readonly managers: ManagerFacts;
  readonly labels: LabelFacts;
  readonly permissions: PermissionFacts;
  readonly rootless: readonly RootlessFacts[];
  /** None where no daemon runs, or tells. */
  readonly exits: readonly ExitFacts[];
  readonly hostDns: readonly HostDns[];
  readonly links: LinkFacts;
  /** Interfaces of `--rootless-ifname`. */
  readonly rootlessIfnames: readonly string[];
  /** Why the configuration would be refused. */
  readonly configuration?: string;
}
