import type { JsonObject } from './json.ts';

/** What differs between a client's body and the one that goes on. */
export interface Edits {
  /** Top-level fields and their new values. Of a field that is an object before and after only the given members are set. */
  readonly set: JsonObject;
  /** Top-level fields that are left out. */
  readonly drop?: readonly string[];
}
