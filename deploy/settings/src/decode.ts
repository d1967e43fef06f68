import { Type, type Static, type TObject, type TSchema } from 'typebox';
import { isMap, type Context } from './context.ts';
import type { Complaints, Path } from './document.ts';
import { shaped } from './shape.ts';
import { units, type Unit } from './units.ts';

type Name<Key extends string, S> = S extends { readonly unit: infer U extends string }
  ? `${Key}${U}`
  : Key;

/** Wider than `TObject`, whose type parameter also says which of its keys are required. */
interface Mapping {
  readonly properties: object;
}

type Value<S> = S extends { readonly unit: string }
  ? number
  : S extends Mapping
    ? Decoded<S>
    : S extends TSchema
      ? Static<S>
      : never;

/**
 * What a map of settings is for a program: texts with a unit are numbers, with the unit in their name (`body: 32MiB` is
 * `bodyBytes`), and what may be left out is null when it is.
 */
export type Decoded<S extends Mapping> = {
  readonly [
    Key in keyof S['properties'] & string as Name<Key, S['properties'][Key]>
  ]: S['properties'][Key] extends { '~optional': true }
    ? Value<S['properties'][Key]> | null
    : Value<S['properties'][Key]>;
};

/** What a declaration says of itself beside its type; null: nothing of the kind. */
export const unitOf = (field: TSchema): Unit | null => {
  const unit = 'unit' in field ? field.unit : null;
  return unit === 'Ms' || unit === 'Bytes' ? unit : null;
};
const textOf = (field: TSchema, key: string, otherwise: string): string => {
  const text: unknown = Reflect.get(field, key);
  return typeof text === 'string' ? text : otherwise;
};

/** The name of a decoded setting. */
export const decodedName = (name: string, field: TSchema): string =>
  `${name}${unitOf(field) ?? ''}`;

const measure = (
  unit: Unit,
  field: TSchema,
  text: string,
  complain: (message: string) => void,
): number => {
  const { read, ...usual } = units[unit];
  const [least, most] = [textOf(field, 'least', usual.least), textOf(field, 'most', usual.most)];
  const amount = read(text) ?? 0;
  if (amount < (read(least) ?? 0) || amount > (read(most) ?? 0))
    complain(`must be between ${least} and ${most}`);
  return amount;
};

const decodeField = (field: TSchema, value: unknown, at: Path, complaints: Complaints): unknown => {
  if (value === undefined) return null;
  const unit = unitOf(field);
  if (unit !== null && typeof value === 'string')
    return measure(unit, field, value, (message) => complaints.add(at, message));
  return Type.IsObject(field) && isMap(value) ? decodeMap(field, value, at, complaints) : value;
};

const decodeMap = (
  { properties }: TObject,
  value: Readonly<Record<string, unknown>>,
  at: Path,
  complaints: Complaints,
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(properties).map(([name, field]: [string, TSchema]) => [
      decodedName(name, field),
      decodeField(field, value[name], [...at, name], complaints),
    ]),
  );

/**
 * The settings at `at` as `schema` declares them, decoded. What is wrong is complained about, all of it, and its default
 * taken in its place, so that rules between settings can be tried; null where there is none.
 */
export const decoded = <S extends TObject>(
  schema: S,
  given: unknown,
  at: Path,
  context: Context,
): Decoded<S> | null => {
  const value: unknown = shaped(schema, given, at, context);
  if (!isMap(value)) return null;
  const all = decodeMap(schema, value, at, context.complaints);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the walk above does what `Decoded` says, key by key
  return all as Decoded<S>;
};
