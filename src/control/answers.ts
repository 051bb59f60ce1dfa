// What the control socket answers, version 1: types of its JSON, as docs/openapi.json describes it. Types only. Not here:
// who gives it (halves.ts), how it is asked for (api.ts). No field holds a secret.

/** The version of the answers, in their path. */
export const API_VERSION = 'v1';

/** A WireGuard peer, as the interface that has it counts. */
export interface PeerStatus {
  /** The interface: the host's own, the container's link, or that of an exit network's router. */
  readonly interface: string;
  readonly publicKey: string;
  /** Where it is reached: `192.0.2.1:51820`. */
  readonly endpoint?: string;
  /** ISO 8601; absent: there was none. */
  readonly lastHandshake?: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** A container on a network of the driver. */
export interface EndpointStatus {
  readonly id: string;
  /** Absent: Docker did not tell, or is a user's. */
  readonly container?: string;
  readonly addresses: readonly string[];
  readonly state: 'created' | 'joining' | 'joined' | 'left' | 'deleting';
  readonly publicKey?: string;
  /** Absent: it is not joined, or was not found. */
  readonly peer?: PeerStatus;
  /** Why there is no peer though it is joined; on an exit network, what is wrong with its ports. */
  readonly problem?: string;
}

/** A network of the driver. */
export interface NetworkStatus {
  readonly id: string;
  /** Absent: Docker did not tell, or is a user's. */
  readonly name?: string;
  /** The user whose Docker's it is; 0 is root. */
  readonly owner: number;
  readonly mode: 'ifname' | 'pubkey' | 'exit';
  /** The host's interface, the public key of the peer elsewhere, or the path of the file in force. */
  readonly via: string;
  readonly endpoint?: string;
  readonly subnets: readonly string[];
  readonly endpoints: readonly EndpointStatus[];
  /** Of an exit network alone. */
  readonly exit?: ExitStatus;
}

/** A file of an exit network. */
export interface ExitFileStatus {
  readonly path: string;
  readonly isInForce: boolean;
  /** ISO 8601: when it came in place of another; absent: the daemon began with it, or it is not in force. */
  readonly since?: string;
  /** In place of which it came, and why. */
  readonly why?: string;
  /** Why it was not read, or a name in it not looked up, the last time; or that it has changed since. */
  readonly problem?: string;
}

/** The port that the provider of a tunnel assigns to it (`dwgd.natpmp`). */
export interface AssignedPortStatus {
  /** Whom it is asked of; absent: not known yet. */
  readonly gateway?: string;
  /** Absent: there is none now. */
  readonly port?: number;
  /** The container that gets it (`dwgd.forward=auto`), by name or by endpoint; absent: none asks for it. */
  readonly container?: string;
  /** Why there is none, or soon will be none, or it is not told in its file. */
  readonly problem?: string;
}

/** The tunnel that the containers of an exit network share. */
export interface ExitStatus {
  /** In the order in which they are used. */
  readonly files: readonly ExitFileStatus[];
  /** The router's addresses, which containers send to. */
  readonly gateways: readonly string[];
  /** As the router's interface has them. */
  readonly peers: readonly PeerStatus[];
  /** Why nothing goes out, or not to all of them. */
  readonly problem?: string;
  /** Whether packets are sent, and no peer answers. */
  readonly isSilent?: true;
  /** Absent: no port is asked for. */
  readonly assigned?: AssignedPortStatus;
}

/** A label, or all of a container's (`twine.*`), that has no effect. */
export interface LabelProblem {
  readonly label: string;
  readonly reason: string;
  /** ISO 8601: when this daemon first saw it. */
  readonly since: string;
}

/**
 * `applied`: its labels were read and are in force, but for `notInForce`; `pending`: a pass is to come; `failing`: the last
 * one failed and is tried again; `frozen`: it is not known which labels count; `stopped`: it is not running.
 */
export type LabelledState = 'applied' | 'pending' | 'failing' | 'frozen' | 'stopped';

/** A route that labels ask for. */
export interface RouteStatus {
  readonly network: string;
  /** Absent: it leads nowhere, and keeps the network closed. */
  readonly gateway?: string;
  /** The container whose address the gateway is. */
  readonly container?: string;
}

/** A forward of ports that labels ask for, where it leads somewhere. */
export interface ForwardStatus {
  /** By which connections arrive: `wg+`, `lo`; `+`: by any but `lo`. */
  readonly interface: string;
  readonly protocol: 'tcp' | 'udp';
  /** `9080`, or from the first to the last: `5000-5009`. */
  readonly ports: string;
  /** Where the first port leads, one of each family at most. */
  readonly to: readonly string[];
  /** The container whose address that is. */
  readonly container?: string;
}

/** Where a container's labels lead: of the last plan, and absent where there is nothing of the kind. */
export interface LabelLinks {
  readonly routes?: readonly RouteStatus[];
  readonly forwards?: readonly ForwardStatus[];
  /** Interfaces by which it is a gateway: `wg+`. */
  readonly natInterfaces?: readonly string[];
  /** Networks that the host reaches by it. */
  readonly hostRoutes?: readonly string[];
}

/** A container with labels. */
export interface LabelledStatus extends LabelLinks {
  readonly name: string;
  readonly id: string;
  readonly state: LabelledState;
  /** How many labels it has, and how many of them are in force. */
  readonly labels: number;
  readonly inForce: number;
  readonly notInForce: readonly LabelProblem[];
  /** What is wrong beside labels that are in force. */
  readonly warnings: readonly LabelProblem[];
  /** Whether twine.strict has closed it. */
  readonly isClosed: boolean;
}

/** Whether a half of the daemon works: `off` where it was not asked for. */
export interface HalfHealth {
  readonly state: 'working' | 'failing' | 'off';
  readonly reason?: string;
  /** ISO 8601. */
  readonly since?: string;
}

export interface Health {
  /** Whether no half is failing. */
  readonly healthy: boolean;
  readonly driver: HalfHealth;
  readonly labels: HalfHealth;
}

/** In how many namespaces with labels changes by others are heard, and in how many they are not: those are read every half minute. */
export interface HearingStatus {
  readonly heard: number;
  /** Not heard for a while, since they change without end. */
  readonly muted: number;
  /** Others that cannot be heard. */
  readonly unheard: number;
  /** Why none can be heard. */
  readonly reason?: string;
}

export interface Status extends Health {
  readonly version: string;
  /** ISO 8601. */
  readonly started: string;
  readonly networks: readonly NetworkStatus[];
  readonly containers: readonly LabelledStatus[];
  /** Absent: labels are not kept. */
  readonly hearing?: HearingStatus;
}

/** What is to be there beside what is, one thing. */
export interface Comparison {
  /** `link eth1`, `peer …`, `route`, `sysctl ipv4/ip_forward`, `table`. */
  readonly what: string;
  /** Absent: nothing of that kind is to be there. */
  readonly desired?: string;
  /** Absent: there is none. */
  readonly observed?: string;
  readonly isSame: boolean;
}

/** One namespace, interface or link. */
export interface ComparedPart {
  /** Such as `labels of web` or `tunnel of web on vpn`. */
  readonly title: string;
  /** Absent: all is as it is to be, or `comparisons` say what is not. */
  readonly problem?: string;
  /** What else there is to know, in a sentence. */
  readonly note?: string;
  readonly comparisons: readonly Comparison[];
}

export interface Inspection {
  readonly kind: 'container' | 'network';
  readonly name: string;
  readonly id: string;
  readonly parts: readonly ComparedPart[];
  /** Of a labelled container. */
  readonly notInForce: readonly LabelProblem[];
}

/** A container, or an address that one may have, as a peer of the far end. */
export interface FarPeer {
  readonly publicKey: string;
  /** Its addresses, as networks of one. */
  readonly allowedIPs: readonly string[];
  /** Absent: there is none, or Docker did not tell. */
  readonly container?: string;
}

/** What the far end of a network's tunnels has to know. */
export interface FarPeers {
  readonly name: string;
  readonly id: string;
  /** Whether each of them has the network's preshared key, which is not told. */
  readonly hasPresharedKey: boolean;
  readonly peers: readonly FarPeer[];
}

/** The rules that a container's namespace is to hold. */
export interface Rules {
  readonly name: string;
  readonly id: string;
  /** The table as nft(8) would list it; absent: there is none. */
  readonly nft?: string;
}

/** What there is to say of labels, as `dwgd doctor` tells it. */
export interface LabelSurvey {
  /** Of labels that are not in force, or at whose risk something goes another way. */
  readonly told: readonly {
    readonly container: string;
    readonly key: string;
    readonly message: string;
    /** Absent: the label is not in force. */
    readonly risk?: 'host-dns' | 'ipv6' | 'lan-dns' | 'open-way' | 'internal' | 'answers';
  }[];
  /** What firewalls of gateways' own drop, by containers. */
  readonly firewalls: readonly { readonly container: string; readonly message: string }[];
  /** Whether labels ask for routes of the host. */
  readonly hasHostRoutes: boolean;
  /** Why changes by others are not heard; absent: they are. */
  readonly deafBecause?: string;
}

/** One thing that a packet meets on its way. */
export interface WayStep {
  readonly kind: 'route' | 'rule' | 'translation' | 'mark' | 'dns' | 'limit';
  readonly text: string;
  /** Whether it cannot be judged: the packet is taken to pass. */
  readonly isDoubt?: true;
}

/** The way of the first packet of a connection, as `dwgd explain` prints it. */
export interface Way {
  readonly container: string;
  /** `10.1.2.3:443/tcp`. */
  readonly destination: string;
  /** In order, each with the container in whose namespace it is. */
  readonly steps: readonly (WayStep & { readonly container: string })[];
  readonly outcome: {
    readonly kind: 'delivered' | 'dropped' | 'unroutable' | 'tunnel' | 'default route' | 'link' | 'unknown';
    /** Where the way ends. */
    readonly container: string;
    readonly link?: string;
    /** To whom it goes on that link. */
    readonly next?: string;
    /** The exit network in whose router it ends. */
    readonly exit?: string;
  };
  /** Whether nothing on the way had to be guessed. */
  readonly isSure: boolean;
  readonly sentence: string;
}

/** Any answer that is none of these. */
export interface Problem {
  /** One sentence. */
  readonly error: string;
}
