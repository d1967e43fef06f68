import type { ConfigProblem } from './document.ts';

/** What the check of a document comes to. */
export type Checked<T> =
  | { readonly kind: 'ok'; readonly config: T }
  | { readonly kind: 'bad'; readonly problems: readonly ConfigProblem[] };

/** Freezes a configuration through and through, maps' values too. */
export const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    const inner = value instanceof Map ? [...value.values()] : Object.values(value);
    for (const one of inner) freeze<unknown>(one);
  }
  return value;
};
