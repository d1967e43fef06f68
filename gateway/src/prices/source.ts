import { Type, type Static } from 'typebox';

/** A day such as `2026-11-29`. */
export const Day = Type.String({
  pattern: '^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$',
});

/** A published list: the package it came in, that package's hash, and the day on which it was fetched. */
export const Source = Type.Object(
  { name: Type.String(), version: Type.String(), sha256: Type.String(), day: Day },
  { additionalProperties: false },
);
export type Source = Readonly<Static<typeof Source>>;
