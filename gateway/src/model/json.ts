/** Parsed JSON, before anyone has looked inside. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** True for a JSON object: not null, not an array. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object under `key`, or null when it is absent or something else. */
export const objectAt = (from: JsonObject, key: string): JsonObject | null => {
  const value = from[key];
  return isObject(value) ? value : null;
};

/** The list under `key`, or an empty one. */
export const listAt = (from: JsonObject, key: string): readonly Json[] => {
  const value = from[key];
  return Array.isArray(value) ? value : [];
};

/** The text under `key`, or null. */
export const textAt = (from: JsonObject, key: string): string | null => {
  const value = from[key];
  return typeof value === 'string' ? value : null;
};

/** The finite number under `key`, or null. */
export const numberAt = (from: JsonObject, key: string): number | null => {
  const value = from[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
};

/** The JSON object in a text, or null when it is something else or no JSON at all. */
export const parseList = (text: string): readonly Json[] | null => {
  try {
    const value: unknown = JSON.parse(text);
    // What JSON.parse makes is Json.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Array.isArray(value) ? (value as readonly Json[]) : null;
  } catch {
    return null;
  }
};

export const parseObject = (text: string): JsonObject | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};
