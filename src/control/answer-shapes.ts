// The daemon's answers as a command may find them: those of another version, or of something else on the socket, are refused
// whole. Pure. Not here: what they mean (answers.ts), the same for everybody else (docs/openapi.json).

import { flag, listOf, number, object, oneOf, optional, text } from '../docker/json-shape.js';
import type { FarPeers, Inspection, LabelSurvey, Status, Way } from './answers.js';

const WHOSE = "the daemon's";
const texts = listOf(text);
const optionalText = optional(text);

const problems = listOf(object({ label: text, reason: text, since: text }));
const peer = object({
  ...{ interface: text, publicKey: text, endpoint: optionalText, lastHandshake: optionalText },
  ...{ receivedBytes: number, sentBytes: number },
});
const endpoint = object({
  ...{ id: text, container: optionalText, addresses: texts },
  state: oneOf('created', 'joining', 'joined', 'left', 'deleting'),
  ...{ publicKey: optionalText, peer: optional(peer), problem: optionalText },
});
const exitFile = object({
  ...{ path: text, isInForce: flag, since: optionalText, why: optionalText, problem: optionalText },
});
const assigned = object({
  ...{ gateway: optionalText, port: optional(number), container: optionalText, problem: optionalText },
});
const exit = object({
  ...{ files: listOf(exitFile), gateways: texts, peers: listOf(peer), problem: optionalText },
  ...{ isSilent: optional(flag), assigned: optional(assigned) },
});
const network = object({
  ...{ id: text, name: optionalText, owner: number, mode: oneOf('ifname', 'pubkey', 'exit'), via: text },
  ...{ endpoint: optionalText, subnets: texts, endpoints: listOf(endpoint), exit: optional(exit) },
});
const route = object({ network: text, gateway: optionalText, container: optionalText });
const forward = object({
  ...{ interface: text, protocol: oneOf('tcp', 'udp'), ports: text, to: texts, container: optionalText },
});
const labelled = object({
  ...{ name: text, id: text, state: oneOf('applied', 'pending', 'failing', 'frozen', 'stopped') },
  ...{ labels: number, inForce: number, notInForce: problems, warnings: problems, isClosed: flag },
  ...{ routes: optional(listOf(route)), forwards: optional(listOf(forward)) },
  ...{ natInterfaces: optional(texts), hostRoutes: optional(texts) },
});
const half = object({
  ...{ state: oneOf('working', 'failing', 'off'), reason: optionalText, since: optionalText },
});
const hearing = object({ heard: number, muted: number, unheard: number, reason: optionalText });
const STATUS = object({
  ...{ version: text, started: text, healthy: flag, driver: half, labels: half },
  ...{ networks: listOf(network), containers: listOf(labelled), hearing: optional(hearing) },
});
const comparison = object({ what: text, desired: optionalText, observed: optionalText, isSame: flag });
const part = object({
  title: text,
  problem: optionalText,
  note: optionalText,
  comparisons: listOf(comparison),
});
const INSPECTION = object({
  ...{ kind: oneOf('container', 'network'), name: text, id: text },
  ...{ parts: listOf(part), notInForce: problems },
});

const farPeer = object({ publicKey: text, allowedIPs: texts, container: optionalText });
const FAR_PEERS = object({ name: text, id: text, hasPresharedKey: flag, peers: listOf(farPeer) });

const told = object({
  ...{ container: text, key: text, message: text },
  risk: optional(oneOf('host-dns', 'ipv6', 'lan-dns', 'open-way', 'internal', 'answers')),
});
const SURVEY = object({
  ...{ told: listOf(told), firewalls: listOf(object({ container: text, message: text })) },
  ...{ hasHostRoutes: flag, deafBecause: optionalText },
});

const step = object({
  kind: oneOf('route', 'rule', 'translation', 'mark', 'dns', 'limit'),
  ...{ text, isDoubt: optional(flag), container: text },
});
const WAY = object({
  ...{ container: text, destination: text, steps: listOf(step), isSure: flag, sentence: text },
  outcome: object({
    kind: oneOf('delivered', 'dropped', 'unroutable', 'tunnel', 'default route', 'link', 'unknown'),
    ...{ container: text, link: optionalText, next: optionalText, exit: optionalText },
  }),
});

/** @throws DecodeError that names the first field that is not as it is to be */
export function checkStatus(answer: unknown): asserts answer is Status {
  STATUS(answer, 'answer', WHOSE);
}

/** @throws DecodeError, alike */
export function checkInspection(answer: unknown): asserts answer is Inspection {
  INSPECTION(answer, 'answer', WHOSE);
}

/** @throws DecodeError, alike */
export function checkFarPeers(answer: unknown): asserts answer is FarPeers {
  FAR_PEERS(answer, 'answer', WHOSE);
}

/** @throws DecodeError, alike */
export function checkSurvey(answer: unknown): asserts answer is LabelSurvey {
  SURVEY(answer, 'answer', WHOSE);
}

/** @throws DecodeError, alike */
export function checkWay(answer: unknown): asserts answer is Way {
  WAY(answer, 'answer', WHOSE);
}
