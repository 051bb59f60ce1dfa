// What the two halves of the daemon give to whoever asks for their state. Types only. Not here: their answers
// (answers.ts), the halves, which know nothing of each other (driver/status.ts, labels/status.ts).

import type { Address } from '../base/ip.js';
import type {
  FarPeers,
  HalfHealth,
  HearingStatus,
  Inspection,
  LabelledStatus,
  LabelSurvey,
  NetworkStatus,
  Rules,
  Way,
} from './answers.js';
import type { Sample } from './exposition.js';

/** What may be inspected, of one half; undefined where the half knows nothing of that name. */
type Found = Pick<Inspection, 'kind' | 'name' | 'id' | 'parts'> & Partial<Pick<Inspection, 'notInForce'>>;

/** A half of the daemon, as it is asked. Nothing of it throws for what a namespace, Docker or a user does. */
interface Half {
  health(): HalfHealth;
  /** @param name of a container or network, its id or the beginning of it */
  inspect(name: string): Promise<Found | undefined>;
  metrics(): Promise<readonly Sample[]>;
}

export interface DriverHalf extends Half {
  networks(): Promise<readonly NetworkStatus[]>;
  /**
   * What the far end has to know.
   * @param name of a network, its id or the beginning of it
   * @param range of addresses that containers may have; absent: those in use
   * @throws UserError: of the code ENOENT where there is no such network, EINVAL for what is no range of it, and others
   */
  farPeers(name: string, range: string | undefined): Promise<FarPeers>;
}

/** The router of an exit network, by which a packet's way may lead. */
export interface ExitPlace {
  readonly networkId: string;
  readonly name: string;
  /** The path of the file in force. */
  readonly file: string;
  /** The router's own addresses. */
  readonly gateways: readonly Address[];
  /** Absent: there is none, or it is not to be had from here. */
  readonly netns?: { readonly key: string; readonly path: string };
  /** Why nothing goes out, or it cannot be told. */
  readonly problem?: string;
  /** Where questions to the DNS go, a clause each. */
  readonly dns: readonly string[];
}

export interface LabelsHalf extends Half {
  containers(): readonly LabelledStatus[];
  /** Undefined while labels are not kept. */
  hearing(): HearingStatus | undefined;
  /** @param name of a container, its id or the beginning of it */
  rules(name: string): Promise<Rules | undefined>;
  /** Undefined while not all that they depend on is known. */
  survey(): Promise<LabelSurvey | undefined>;
}

/**
 * The way of a packet.
 * @param name of a container, or the beginning of its id
 * @param to where it is to go, as `dwgd explain` takes it
 * @throws UserError: of the code ENOENT where there is no such container, EINVAL for what is no destination, EBUSY when too many
 *   ask, and others; Error where Docker does not answer
 */
export type AskWay = (name: string, to: string) => Promise<Way>;

/** Both, with what is known of the daemon itself. A half that is absent was not asked for. */
export interface Daemon {
  readonly version: string;
  readonly started: Date;
  readonly driver?: DriverHalf;
  readonly labels?: LabelsHalf;
  readonly explain: AskWay;
}
