// What `dwgd doctor` says: findings, each of a kind that has a heading on the page for it. Pure. Not here: the kinds
// (the other files of this folder), what facts are (facts.ts).

import type { Facts } from './facts.js';

/** The page whose headings are the kinds. */
const PAGE = 'docs/troubleshooting.md';

/** What is wrong in one place, and what helps: a sentence each, without a full stop. */
export interface Told {
  readonly what: string;
  readonly remedy: string;
}

/** A kind of fault. */
export interface Check {
  /** Its heading on the page. */
  readonly heading: string;
  /** Where the facts show it. */
  readonly find: (facts: Facts) => readonly Told[];
}

/** A fault that was found. */
export interface Finding extends Told {
  /** The anchor of its heading: `wireguard-is-missing`. */
  readonly id: string;
  /** The page, with the anchor. */
  readonly page: string;
}

/** What checks find, in their order. */
export function findAll(checks: readonly Check[], facts: Facts): Finding[] {
  return checks.flatMap(({ heading, find }) => {
    const id = anchorOf(heading);
    return find(facts).map(told => ({ ...told, id, page: `${PAGE}#${id}` }));
  });
}

/** The anchor of a heading, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

/** One finding where something holds. */
export function when(holds: boolean, what: string, remedy: string): Told[] {
  return holds ? [{ what, remedy }] : [];
}

/** A sentence whose remedy stands behind its last colon. @param remedy where there is none */
export function splitSentence(subject: string, sentence: string, remedy: string): Told {
  const at = sentence.lastIndexOf(': ');
  if (at < 0) return { what: `${subject}: ${sentence}`, remedy };
  return { what: `${subject}: ${sentence.slice(0, at)}`, remedy: sentence.slice(at + 2) };
}
