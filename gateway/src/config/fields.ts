/** Kinds of fields that a configuration file is made of. `title` fits "must be ...", `description` explains. */
import { Type } from 'typebox';
import { durationPattern, sizePattern } from './units.ts';

export const closed = { additionalProperties: false } as const;

export const duration = (description: string, by?: string) =>
  Type.String({
    pattern: durationPattern,
    title: 'a duration such as 500ms, 30s or 15m',
    description,
    ...(by === undefined ? {} : { default: by }),
  });

export const size = (by: string, description: string) =>
  Type.String({
    pattern: sizePattern,
    title: 'a size such as 64KiB, 32MiB or 4GiB',
    description,
    default: by,
  });

export const count = (
  by: number,
  [minimum, maximum]: readonly [number, number],
  description: string,
) => Type.Integer({ minimum, maximum, title: 'a whole number', description, default: by });

export const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
export const name = (description: string) =>
  Type.String({
    pattern: namePattern,
    title: 'a name of letters, digits, dots, dashes and underscores, at most 64 characters',
    description,
  });

/** Printable, without spaces, and a star only at the end. */
export const modelPattern = '^[^\\s*\\u0000-\\u001f\\u007f]{0,200}\\*?$';
export const modelTitle = "a model's name, or a pattern with one * at its end";
export const modelName = (description: string) =>
  Type.String({ pattern: modelPattern, minLength: 1, title: modelTitle, description });
export const exactModel = (description: string) =>
  Type.String({
    pattern: '^[^\\s*\\u0000-\\u001f\\u007f]{1,200}$',
    title: "a model's exact name, without *",
    description,
  });

export const label = (description: string, by = '') =>
  Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]{0,128}$',
    title: 'text of at most 128 characters on one line',
    description,
    default: by,
  });

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
    },
  );

export const waits = (by: {
  connect?: string;
  firstByte?: string;
  idle?: string;
  hold?: string;
  total?: string;
}) => ({
  connect: duration('TCP and TLS.', by.connect),
  firstByte: duration(
    'Longest silence of a stream before its first content. Whatever arrives ends it: headers, a comment, a ping. A reply that is not streamed is silent until it is whole; it has `total` only.',
    by.firstByte,
  ),
  firstContent: Type.Optional(
    duration(
      'Of a stream: from the request sent to its first content, however much it lives; past it the next target is tried. Not longer than `hold`. Default: not limited.',
    ),
  ),
  hold: duration(
    'How long a stream that lives without content is held back. Past it the client gets its head and what is there, so that nothing on the way to it gives up; no other target can take over then.',
    by.hold,
  ),
  idle: duration('Longest silence of a stream after its first content.', by.idle),
  total: duration(
    'One attempt, from start to end, without the time in which the client held it up.',
    by.total,
  ),
});
