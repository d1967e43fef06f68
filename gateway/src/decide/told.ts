/** What a provider says, before it goes anywhere: without credentials, bounded, and counted where something was cut. */
import type { Scrub } from './scrub.ts';

/** What did not go on; `tollgate_provider_cuts_total` counts each. */
export const cuts = ['credential', 'name', 'header', 'error_body', 'event', 'reply'] as const;
export type Cut = (typeof cuts)[number];

export interface Told {
  /** Takes credentials out of a text. */
  readonly clean: Scrub;
  /** Told each time that something does not go on. */
  cut(what: Cut): void;
}

/** A cleaner that tells when it had to take something out. */
export const toldBy = (clean: Scrub, cut: (what: Cut) => void): Told => ({
  clean(text) {
    const clear = clean(text);
    if (clear !== text) cut('credential');
    return clear;
  },
  cut,
});

/** Of a name that a provider gives: it stands in rows and spans. */
export const maxNameChars = 256;
/** Cleaned of credentials before it is cut, so that the cut leaves no half of one. */
const maxCleanedChars = 4 * maxNameChars;
/** No blanks: what has some is a sentence, which may be the prompt's. */
const plain = /^[!-~]*$/;
/** A reply gives a few names, some of them in each event. */
const maxRemembered = 8;

/**
 * Reads the names that a provider gives in one reply: model, id, finish reason, tier, speed, region. A text that is no name
 * (anything but printable ASCII without blanks) becomes empty, as if it had not been said; a long one is cut.
 */
export const startNames = ({ clean, cut }: Told): ((text: string) => string) => {
  const known = new Map<string, string>();
  const read = (text: string): string => {
    const isName = plain.test(text);
    if (!isName || text.length > maxNameChars) cut('name');
    return isName ? clean(text.slice(0, maxCleanedChars)).slice(0, maxNameChars) : '';
  };
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const name = read(text);
    if (known.size >= maxRemembered) known.clear();
    known.set(text, name);
    return name;
  };
};
