/** Keys of callers that are made by API: what a request may say, what is kept, and what is shown. */
import { Type, type Static } from 'typebox';
import { closed } from '@tollgate/settings/fields.ts';
import { budgetsOfKey } from '../config/budget-of.ts';
import { modelPattern, modelTitle } from '../config/model-names.ts';
import { KeyLimits } from '../config/schema-budgets.ts';
import type { Budget } from '../model/budget.ts';
import type { Caller } from '../model/call.ts';
import { isObject, type JsonObject } from '../model/json.ts';
import { readRequest, type Aliases, type Read } from './request.ts';
import type { KeyRecord } from './records.ts';

const text = (title: string, most = 128) =>
  Type.String({ pattern: `^[^\\u0000-\\u001f\\u007f]{0,${most}}$`, title });
const label = () => Type.Optional(text('text of at most 128 characters on one line'));

const mostMetadataChars = 8192;

const fields = {
  name: Type.Optional(
    Type.String({
      pattern: '^[^\\u0000-\\u001f\\u007f]{1,128}$',
      title: 'text of 1 to 128 characters on one line',
    }),
  ),
  organization: label(),
  team: label(),
  application: label(),
  namespace: label(),
  environment: label(),
  costCenter: label(),
  models: Type.Optional(
    Type.Union(
      [
        Type.Array(Type.String({ pattern: modelPattern, minLength: 1, title: modelTitle }), {
          minItems: 1,
          maxItems: 1000,
        }),
        Type.Null(),
      ],
      { title: 'a list of model names or patterns, or null for all' },
    ),
  ),
  limits: Type.Optional(KeyLimits),
  expiresAt: Type.Optional(
    Type.Union([Type.String(), Type.Null()], {
      title: 'a time such as 2027-01-31T00:00:00Z, or null',
    }),
  ),
  metadata: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { title: 'an object of at most 8,192 characters' }),
  ),
};

export const NewKey = Type.Object(fields, closed);
export const KeyPatch = Type.Object(fields, { ...closed, minProperties: 1 });
export const Rotation = Type.Object(
  {
    graceSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        title: 'a whole number of seconds, at most 2,592,000',
      }),
    ),
  },
  closed,
);

/** Of Mozilla's gateway. */
const aliases: Aliases = {
  key_name: 'name',
  allowed_models: 'models',
  expires_at: 'expiresAt',
};

/** A time with its offset; epoch milliseconds. NaN: it is none. */
export const timeOf = (said: string): number => {
  try {
    return Temporal.Instant.from(said).epochMilliseconds;
  } catch {
    return NaN;
  }
};

/** What a request says of a key; what it does not say is left out. */
type Said = Partial<Pick<KeyRecord, keyof typeof plainFields | 'expiresAtMs' | 'metadata'>>;
const plainFields = {
  name: true,
  organization: true,
  team: true,
  application: true,
  namespace: true,
  environment: true,
  costCenter: true,
  models: true,
  limits: true,
} as const;

const saidOf = (value: Static<typeof NewKey>, nowMs: number): Read<Said> => {
  const { expiresAt, metadata, ...plain } = value;
  const expiresAtMs = expiresAt === undefined || expiresAt === null ? null : timeOf(expiresAt);
  const bad = (param: string, message: string): Read<Said> => ({
    kind: 'bad',
    problems: [{ param, message }],
  });
  if (expiresAtMs !== null && Number.isNaN(expiresAtMs))
    return bad('expiresAt', 'must be a time such as 2027-01-31T00:00:00Z.');
  if (expiresAtMs !== null && expiresAtMs <= nowMs)
    return bad('expiresAt', 'must be in the future.');
  if (JSON.stringify(metadata ?? {}).length > mostMetadataChars)
    return bad('metadata', 'must be an object of at most 8,192 characters.');
  return {
    kind: 'ok',
    value: {
      ...plain,
      ...(expiresAt === undefined ? {} : { expiresAtMs }),
      ...(isObject(metadata) ? { metadata } : {}),
    },
  };
};

/** What a new key has that nobody says: drawn, read off the clock. */
export interface Fresh {
  readonly id: string;
  readonly hash: string;
  readonly prefix: string;
  readonly nowMs: number;
}

export const newKey = (body: unknown, { id, hash, prefix, nowMs }: Fresh): Read<KeyRecord> => {
  const read = readRequest(NewKey, body, aliases);
  if (read.kind === 'bad') return read;
  const said = saidOf(read.value, nowMs);
  if (said.kind === 'bad') return said;
  return {
    kind: 'ok',
    value: {
      kind: 'key',
      id,
      name: '',
      organization: '',
      team: '',
      application: '',
      namespace: '',
      environment: '',
      costCenter: '',
      models: null,
      limits: {},
      metadata: {},
      expiresAtMs: null,
      ...said.value,
      prefix,
      hashes: [{ hash, untilMs: null }],
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    },
  };
};

/** What is named takes the place of what was; the rest stays. */
export const patchedKey = (key: KeyRecord, body: unknown, nowMs: number): Read<KeyRecord> => {
  const read = readRequest(KeyPatch, body, aliases);
  if (read.kind === 'bad') return read;
  const said = saidOf(read.value, nowMs);
  if (said.kind === 'bad') return said;
  return { kind: 'ok', value: { ...key, ...said.value, updatedAtMs: nowMs } };
};

/** A new secret; the ones before it hold for the grace period, and none longer than it did. */
export const rotatedKey = (key: KeyRecord, body: unknown, fresh: Fresh): Read<KeyRecord> => {
  const read = readRequest(Rotation, body);
  if (read.kind === 'bad') return read;
  const { hash, prefix, nowMs } = fresh;
  const graceUntilMs = nowMs + (read.value.graceSeconds ?? 0) * 1000;
  const before = key.hashes
    .map((one) => ({
      hash: one.hash,
      untilMs: Math.min(one.untilMs ?? graceUntilMs, graceUntilMs),
    }))
    .filter(({ untilMs }) => untilMs > nowMs);
  return {
    kind: 'ok',
    value: { ...key, prefix, hashes: [{ hash, untilMs: null }, ...before], updatedAtMs: nowMs },
  };
};

export const isoTime = (ms: number): string =>
  Temporal.Instant.fromEpochMilliseconds(ms).toString();

/** A key as replies and the audit say it: never a hash. */
export const shownKey = (key: KeyRecord): JsonObject => {
  const { kind: _kind, hashes: _hashes, expiresAtMs, createdAtMs, updatedAtMs, ...rest } = key;
  return {
    ...rest,
    source: 'api',
    expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs),
    createdAt: isoTime(createdAtMs),
    updatedAt: isoTime(updatedAtMs),
  };
};

/** A key as the data plane knows it. */
export const callerOf = (key: KeyRecord): Caller => ({
  keyId: key.id,
  org: key.organization,
  team: key.team,
  app: key.application,
  namespace: key.namespace,
  environment: key.environment,
  costCenter: key.costCenter,
  models: key.models,
});

export const limitsOf = (key: KeyRecord): readonly Budget[] => budgetsOfKey(key.id, key.limits);
