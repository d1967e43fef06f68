import type { Json, JsonObject } from '../model/json.ts';

const isEmpty = (value: Json | undefined): boolean => {
  if (value === undefined || value === null || value === false || value === '' || value === 0)
    return true;
  if (typeof value !== 'object') return false;
  return (Array.isArray(value) ? value : Object.keys(value)).length === 0;
};

/**
 * True when an object says anything beside these fields. Vendors add fields to the dialects (images, audio, reasoning in
 * forms of their own); whatever holds something is content, known to us or not.
 */
export const carriesSomething = (object: JsonObject, beside: readonly string[]): boolean =>
  Object.entries(object).some(([key, value]) => !beside.includes(key) && !isEmpty(value));
