/**
 * Kinds of settings that a configuration is declared with. A declaration says all there is to say of a setting: its type,
 * default, unit, bounds, words, and when a change counts; the decoded value, its TypeScript type, the checks, the JSON
 * Schema and the reference follow. `title` fits "must be ...", `description` explains.
 */
import { Type, type TProperties, type TString } from 'typebox';
import { durationPattern, sizePattern, units, type Unit } from './units.ts';

export const closed = { additionalProperties: false } as const;

/** What any declaration, of a setting or of a section, may say besides. */
export interface Besides {
  /** Whether a change counts while the program runs, or only at its next start. Unsaid: as the section has it; in the end yes. */
  readonly live?: boolean;
}

interface Bounds extends Besides {
  /** In the setting's own unit, as one would write it. */
  readonly least?: string;
  readonly most?: string;
}

/** Text with a unit, which becomes a number with the unit in its name. */
export type Measured<U extends Unit> = TString & { readonly unit: U };

const measured = <const U extends Unit>(
  unit: U,
  schema: TString,
  { least = units[unit].least, most = units[unit].most }: Bounds,
): Measured<U> => Object.assign(schema, { unit, least, most });

const byDefault = (by: string | null, { live }: Besides) => ({
  ...(by === null ? {} : { default: by }),
  ...(live === undefined ? {} : { live }),
});

/** @param by the default; null: none */
export const duration = (
  by: string | null,
  description: string,
  more: Bounds = {},
): Measured<'Ms'> =>
  measured(
    'Ms',
    Type.String({
      pattern: durationPattern,
      title: 'a duration such as 500ms, 30s or 15m',
      description,
      ...byDefault(by, more),
    }),
    more,
  );

/** @param by the default; null: none */
export const size = (
  by: string | null,
  description: string,
  more: Bounds = {},
): Measured<'Bytes'> =>
  measured(
    'Bytes',
    Type.String({
      pattern: sizePattern,
      title: 'a size such as 64KiB, 32MiB or 4GiB',
      description,
      ...byDefault(by, more),
    }),
    more,
  );

export const count = (
  by: number,
  [minimum, maximum]: readonly [number, number],
  description: string,
  more: Besides = {},
) => Type.Integer({ minimum, maximum, title: 'a whole number', description, default: by, ...more });

export const flag = (by: boolean, description: string, more: Besides = {}) =>
  Type.Boolean({ title: 'true or false', description, default: by, ...more });

export const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
export const name = (description: string) =>
  Type.String({
    pattern: namePattern,
    title: 'a name of letters, digits, dots, dashes and underscores, at most 64 characters',
    description,
  });

/** Text that is not empty. @param by the default; null: none */
export const line = (by: string | null, description: string) =>
  Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]{1,128}$',
    title: 'text of 1 to 128 characters on one line',
    description,
    ...(by === null ? {} : { default: by }),
  });

export const label = (description: string, by = '') =>
  Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]{0,128}$',
    title: 'text of at most 128 characters on one line',
    description,
    default: by,
  });

/** A credential: never written into the file, read with `readSecret`. */
export const secretSource = (what: string) =>
  Type.Union(
    [
      Type.String({ title: '${VARIABLE}' }),
      Type.Object(
        { file: Type.String({ minLength: 1, description: 'A path, relative to this file.' }) },
        closed,
      ),
    ],
    {
      title: '${VARIABLE} or { file: PATH }',
      description: `${what} From an environment variable (\`\${VARIABLE}\`) or a file (\`{ file: PATH }\`), never written here.`,
      secret: true,
    },
  );

/** A map of settings that all have defaults, so that it may be left out or stay empty. */
export const section = <const Fields extends TProperties>(
  description: string,
  fields: Fields,
  more: Besides = {},
) => Type.Object(fields, { ...closed, default: {}, description, ...more });
