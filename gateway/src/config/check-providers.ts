import { Type, type TObject, type TProperties } from 'typebox';
import type { Provider } from '../providers/provider.ts';
import type { ProviderConfig, Timeouts } from './config.ts';
import { isMap, type Context } from './context.ts';
import { readSecret } from './check-secret.ts';
import { checkFirstContent, checkTotal } from './check-sections.ts';
import type { Path } from './document.ts';
import { hint } from './nearest.ts';
import { namePattern } from './fields.ts';
import { ProviderCommon } from './schema.ts';
import { found, shaped } from './shape.ts';
import { boundedMs } from './units.ts';

const common = ProviderCommon.properties;

/** The vendor that runs inside the gateway: its address is known only then, so no file can say it. */
const demoVendor = 'demo';

/** A vendor's own settings by name; none when its schema is no map. */
const settingsOf = (vendor: Provider): TProperties => {
  const own = Type.IsObject(vendor.settings) ? vendor.settings.properties : {};
  const { baseUrl, ...others } = own;
  if (baseUrl === undefined) return own;
  if (vendor.name === demoVendor) return others;
  return {
    baseUrl: { title: 'an address such as https://host/v1, without user, ? or #', ...baseUrl },
    ...others,
  };
};

/** What a provider's entry looks like when it uses `vendor`: the common fields and the vendor's own, closed. */
export const providerSchema = (vendor: Provider): TObject =>
  Type.Object({ ...settingsOf(vendor), ...common }, { additionalProperties: false });

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

type Wait = 'connect' | 'firstByte' | 'firstContent' | 'hold' | 'idle' | 'total';

const readTimeouts = (
  given: Partial<Record<Wait, string>>,
  by: Timeouts,
  at: Path,
  context: Context,
): Timeouts => {
  const ms = <T>(field: Wait, otherwise: T): number | T => {
    const text = given[field];
    return text === undefined
      ? otherwise
      : boundedMs(text, (message) => context.complaints.add([...at, field], message));
  };
  const timeouts = {
    connectMs: ms('connect', by.connectMs),
    firstByteMs: ms('firstByte', by.firstByteMs),
    firstContentMs: ms('firstContent', by.firstContentMs),
    holdMs: ms('hold', by.holdMs),
    idleMs: ms('idle', by.idleMs),
    totalMs: ms('total', by.totalMs),
  };
  // What is inherited has been checked where it was written.
  if (given.firstContent !== undefined || given.hold !== undefined)
    checkFirstContent(timeouts, at, context);
  checkTotal(given, timeouts, at, context);
  return timeouts;
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
  const shape = shaped(ProviderCommon, fields, at, context);
  if (shape === null) return null;

  const baseUrl = settings['baseUrl'];
  if (typeof baseUrl === 'string' && !URL.canParse(baseUrl)) {
    context.complaints.add([...at, 'baseUrl'], 'must be an address such as https://host/v1');
  }
  const variable =
    vendor.secretVariable ?? `${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_API_KEY`;
  const instead = `write \${${variable}} or { file: PATH }`;
  const credential = readSecret(shape.apiKey, [...at, 'apiKey'], instead, context);
  if (
    credential.kind === 'absent' &&
    vendor.secretVariable !== null &&
    !context.complaints.under(at)
  ) {
    const missing = shape.apiKey === undefined ? "'apiKey' is missing" : 'the credential is empty';
    context.complaints.add([...at, 'apiKey'], `${missing}; ${instead}`, 'key');
  }
  return {
    name,
    use: vendor.name,
    settings,
    secret: credential.kind === 'secret' ? credential.secret : null,
    account: shape.account,
    region: shape.region,
    timeouts: readTimeouts(shape.timeouts ?? {}, timeouts, [...at, 'timeouts'], context),
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
