/** The catalogue: every list that prices are taken from, as one file whose version is the hash of its content. */
import { hash } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { tokenTypes } from '../contract/ledger.ts';
import { isoDay } from '../model/day.ts';
import { isMatch } from './match.ts';
import { pricedUnits, type NameMatch, type Vendor } from './sheet.ts';
import { Day, Source } from './source.ts';

const closed = { additionalProperties: false } as const;
const usd = Type.String({ pattern: '^[0-9]{1,6}(\\.[0-9]{1,12})?$' });
const Line = Type.Object(
  {
    usd,
    above: Type.Optional(
      Type.Array(Type.Object({ tokens: Type.Integer({ minimum: 0 }), usd }, closed)),
    ),
  },
  closed,
);
const Sheet = Type.Object(
  Object.fromEntries([...tokenTypes, ...pricedUnits].map((name) => [name, Type.Optional(Line)])),
  closed,
);
const time = Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d$' });
const constraint = {
  from: Type.Optional(Day),
  daily: Type.Optional(Type.Object({ start: time, end: time }, closed)),
};
const Model = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    match: Type.Unsafe<NameMatch>(Type.Object({})),
    prices: Type.Array(Type.Object({ ...constraint, usd: Sheet }, closed), { minItems: 1 }),
    variants: Type.Optional(
      Type.Array(
        Type.Object(
          {
            ...constraint,
            dimension: Type.String(),
            value: Type.String(),
            usd: Type.Optional(Sheet),
            times: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}(\\.[0-9]{1,6})?$' })),
          },
          closed,
        ),
      ),
    ),
    source: Type.String(),
  },
  closed,
);
const File = Type.Object(
  {
    format: Type.Literal(1),
    version: Type.String({ pattern: '^\\d{4}\\.\\d{2}-[0-9a-f]{8}$' }),
    sources: Type.Array(Source, { minItems: 1 }),
    vendors: Type.Record(
      Type.String(),
      Type.Object({ fallback: Type.Array(Type.String()), models: Type.Array(Model) }, closed),
    ),
  },
  closed,
);
const checkedFile = Compile(File);

/** Of a file; the one that ships has a tenth of it. */
export const largestCatalogueBytes = 8 * 2 ** 20;

export interface Catalogue {
  /** Year and week in which it was compiled, and the beginning of its hash. */
  readonly version: string;
  readonly sources: readonly Source[];
  readonly vendors: ReadonlyMap<string, Vendor>;
}

/** The newest day of a catalogue's sources, as `2026-11-29`. */
export const newestDay = ({ sources }: Pick<Catalogue, 'sources'>): string =>
  sources
    .map(({ day }) => day)
    .toSorted()
    .at(-1) ?? '';

/** ISO 8601 week of a day, `2026.48`. */
export const weekOf = (day: string): string => {
  const dayMs = 86_400_000;
  const at = Date.parse(`${day}T00:00:00Z`);
  // The week belongs to the year of its Thursday. 1970-01-01 was one.
  const thursday = at + (3 - ((Math.floor(at / dayMs) + 3) % 7)) * dayMs;
  const year = Number(isoDay(thursday).slice(0, 4));
  const week = Math.floor((thursday - Date.parse(`${year}-01-01T00:00:00Z`)) / dayMs / 7) + 1;
  return `${year}.${String(week).padStart(2, '0')}`;
};

/** The content that the hash is of: the lists, a model a line. */
const listsText = (vendors: ReadonlyMap<string, Vendor>): string =>
  [...vendors]
    .map(
      ([name, { fallback, models }]) =>
        `  ${JSON.stringify(name)}: { "fallback": ${JSON.stringify(fallback)}, "models": [\n${models
          .map((model) => `    ${JSON.stringify(model)}`)
          .join(',\n')}\n  ] }`,
    )
    .join(',\n');

/** The file of a catalogue, compiled on a day. */
export const catalogueText = (
  vendors: ReadonlyMap<string, Vendor>,
  sources: readonly Source[],
  day: string,
): string => {
  const lists = listsText(vendors);
  const version = `${weekOf(day)}-${hash('sha256', lists, 'hex').slice(0, 8)}`;
  return `{
"format": 1,
"version": ${JSON.stringify(version)},
"sources": ${JSON.stringify(sources)},
"vendors": {
${lists}
}
}
`;
};

export type ReadCatalogue =
  | { readonly kind: 'catalogue'; readonly catalogue: Catalogue }
  | { readonly kind: 'bad'; readonly problem: string };

/** Reads the file of a catalogue. */
export const readCatalogue = (text: string): ReadCatalogue => {
  const bad = (problem: string): ReadCatalogue => ({ kind: 'bad', problem });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return bad(`is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
  if (!checkedFile.Check(value)) {
    const [first] = checkedFile.Errors(value);
    return bad(`is none: ${first?.instancePath ?? ''} ${first?.message ?? ''}`);
  }
  const file: Static<typeof File> = value;
  const vendors = new Map(Object.entries(file.vendors));
  for (const [vendor, { models, fallback }] of vendors) {
    for (const { id, match } of models)
      if (!isMatch(match)) return bad(`has an entry ${id} that does not say which names it is for`);
    for (const other of fallback)
      if (!vendors.has(other))
        return bad(`has a vendor ${vendor} that falls back on ${other}, which is not in it`);
  }
  const expected = hash('sha256', listsText(vendors), 'hex').slice(0, 8);
  if (!file.version.endsWith(`-${expected}`))
    return bad(`has other content than that of version ${file.version}`);
  return {
    kind: 'catalogue',
    catalogue: { version: file.version, sources: file.sources, vendors },
  };
};
