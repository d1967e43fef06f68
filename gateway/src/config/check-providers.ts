import { Type, type TObject, type TProperties } from 'typebox';
import { isMap } from '@tollgate/settings/context.ts';
import { decoded, type Decoded } from '@tollgate/settings/decode.ts';
import type { Path } from '@tollgate/settings/document.ts';
import { namePattern, secretSource } from '@tollgate/settings/fields.ts';
import { hint } from '@tollgate/settings/nearest.ts';
import { readSecret, type SecretSource } from '@tollgate/settings/read-secret.ts';
import type { Secret } from '@tollgate/settings/secret.ts';
import { found, shaped } from '@tollgate/settings/shape.ts';
import type { Provider } from '../providers/provider.ts';
import { checkFirstContent, checkTotal } from './check-rules.ts';
import type { ProviderConfig, Timeouts } from './config.ts';
import type { Context } from './context.ts';
import { ProviderCommon } from './schema.ts';

const common = ProviderCommon.properties;
const { use, ...others } = common;

/** A vendor's credentials as fields; whether one is needed is said where it is missed. */
const credentialFields = ({ credentials }: Provider): TProperties =>
  Object.fromEntries(
    credentials.map(({ name, about }) => [name, Type.Optional(secretSource(about))]),
  );

/** A vendor's own settings by name; none when its schema is no map. No file can say where a simulated one is. */
const settingsOf = (vendor: Provider): TProperties => {
  const own = Type.IsObject(vendor.settings) ? vendor.settings.properties : {};
  const { baseUrl, ...further } = own;
  if (baseUrl === undefined) return own;
  if (vendor.isSimulated) return further;
  return {
    baseUrl: { title: 'an address such as https://host/v1, without user, ? or #', ...baseUrl },
    ...further,
  };
};

/** What a provider's entry looks like when it uses `vendor`: the common fields and the vendor's own, closed. */
export const providerSchema = (vendor: Provider): TObject =>
  Type.Object(
    { ...settingsOf(vendor), use, ...credentialFields(vendor), ...others },
    { additionalProperties: false },
  );

const vendorOf = (name: string, entry: unknown, context: Context): Provider | null => {
  const { complaints, vendors, document } = context;
  const names = [...vendors.keys()];
  const use = isMap(entry) ? entry['use'] : undefined;
  const at = ['providers', name, 'use'];
  const vendor =
    use === undefined || typeof use === 'string' ? vendors.get(use ?? name) : undefined;
  if (vendor !== undefined) return vendor;
  if (use === undefined) {
    const message = `'use' is missing, and '${name}' is no vendor's name${hint(name, names)}`;
    complaints.add(at, message, 'key');
  } else {
    const near = typeof use === 'string' ? hint(use, names) : '';
    complaints.add(at, `must be a vendor's name, not ${found(use, at, document)}${near}`);
  }
  return null;
};

/** A provider's own waits, and for those that it does not name, everybody's. */
const timeoutsOf = (
  own: Decoded<typeof ProviderCommon>['timeouts'],
  said: unknown,
  by: Timeouts,
  { at, context }: { readonly at: Path; readonly context: Context },
): Timeouts => {
  if (own === null) return by;
  const timeouts: Timeouts = {
    connectMs: own.connectMs ?? by.connectMs,
    firstByteMs: own.firstByteMs ?? by.firstByteMs,
    firstContentMs: own.firstContentMs ?? by.firstContentMs,
    holdMs: own.holdMs ?? by.holdMs,
    idleMs: own.idleMs ?? by.idleMs,
    totalMs: own.totalMs ?? by.totalMs,
  };
  // What is inherited has been checked where it was written.
  if (own.firstContentMs !== null || own.holdMs !== null) checkFirstContent(timeouts, at, context);
  checkTotal(said, timeouts, at, context);
  return timeouts;
};

const isSource = (value: unknown): value is SecretSource =>
  typeof value === 'string' || (isMap(value) && typeof value['file'] === 'string');

const snakeCase = (text: string): string =>
  text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]/g, '_')
    .toUpperCase();

/** The credentials of one provider, by the names of their settings; complains about those that are missed. */
const readCredentials = (
  name: string,
  vendor: Provider,
  given: Readonly<Record<string, unknown>>,
  context: Context,
): ReadonlyMap<string, Secret> => {
  const read = new Map<string, Secret>();
  for (const { name: field, variable, isNeeded } of vendor.credentials) {
    const at: Path = ['providers', name, field];
    const source = given[field];
    const instead = `write \${${variable ?? `${snakeCase(name)}_${snakeCase(field)}`}} or { file: PATH }`;
    const credential = readSecret(isSource(source) ? source : undefined, at, instead, context);
    if (credential.kind === 'secret') read.set(field, credential.secret);
    if (credential.kind !== 'absent' || !isNeeded || context.complaints.under(at.slice(0, 2)))
      continue;
    const missing = source === undefined ? `'${field}' is missing` : 'the credential is empty';
    context.complaints.add(at, `${missing}; ${instead}`, 'key');
  }
  return read;
};

const readProvider = (
  name: string,
  entry: unknown,
  timeouts: Timeouts,
  context: Context,
): ProviderConfig | null => {
  const at: Path = ['providers', name];
  const vendor = vendorOf(name, entry ?? {}, context);
  if (vendor === null) return null;
  const whole = shaped(providerSchema(vendor), entry ?? {}, at, context);
  if (whole === null) return null;
  const own = Object.keys(settingsOf(vendor));
  const settings = Object.fromEntries(Object.entries(whole).filter(([key]) => own.includes(key)));
  // What was wrong has been said and left out; asking again gives the common part its type.
  const fields = Object.fromEntries(
    Object.entries(whole).filter(([key]) => Object.hasOwn(common, key)),
  );
  const shape = decoded(ProviderCommon, fields, at, context);
  if (shape === null) return null;

  const baseUrl = settings['baseUrl'];
  if (typeof baseUrl === 'string' && !URL.canParse(baseUrl)) {
    context.complaints.add([...at, 'baseUrl'], 'must be an address such as https://host/v1');
  }
  const credentials = readCredentials(name, vendor, whole, context);
  const lacking = vendor.lacks?.(settings, new Set(credentials.keys())) ?? null;
  if (lacking !== null && !context.complaints.under(at)) context.complaints.add(at, lacking, 'key');
  return {
    name,
    use: vendor.name,
    isSimulated: vendor.isSimulated,
    settings,
    credentials,
    account: shape.account,
    region: shape.region,
    timeouts: timeoutsOf(shape.timeouts, fields['timeouts'], timeouts, {
      at: [...at, 'timeouts'],
      context,
    }),
    maxConnections: shape.maxConnections,
  };
};

/** Every provider that can be read, by name; complains about the rest. */
export const checkProviders = (
  value: unknown,
  timeouts: Timeouts,
  context: Context,
): ReadonlyMap<string, ProviderConfig> => {
  const { complaints, document } = context;
  if (value === undefined || value === null || (isMap(value) && Object.keys(value).length === 0)) {
    complaints.add(
      ['providers'],
      "'providers' is missing: without one there is nowhere to send a call",
      'key',
    );
    return new Map();
  }
  if (!isMap(value)) {
    complaints.add(
      ['providers'],
      `must be a map of providers by name, not ${found(value, ['providers'], document)}`,
    );
    return new Map();
  }
  const named = new RegExp(namePattern);
  return new Map(
    Object.entries(value).flatMap(([name, entry]) => {
      if (!named.test(name)) {
        complaints.add(
          ['providers', name],
          'must be a name of letters, digits, dots, dashes and underscores, at most 64 characters',
          'key',
        );
      }
      const provider = readProvider(name, entry, timeouts, context);
      return provider === null ? [] : [[name, provider] as const];
    }),
  );
};
