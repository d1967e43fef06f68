/**
 * What the lists and maps of the configuration file are made of (its sections: `sections.ts`), field by field: the only
 * place where one is named, bounded, defaulted and explained. `title` says what a value must be, in words that fit
 * "must be ..."; `description` is the reference documentation.
 */
import { Type, type TSchema } from 'typebox';
import { closed, count, label, name, secretSource } from '@tollgate/settings/fields.ts';
import type { ChargeType } from '../contract/ledger.ts';
import { exactModel, modelName } from './model-names.ts';
import { waits } from './sections.ts';

/** What every provider has beside the settings of its vendor. */
export const ProviderCommon = Type.Object(
  {
    use: Type.Optional(
      Type.String({
        title: "a vendor's name",
        description: "The vendor. Default: this provider's own name.",
      }),
    ),
    account: label('The account that is billed, for reconciling invoices.'),
    region: label("The provider's region, for the ledger."),
    timeouts: Type.Optional(
      Type.Partial(Type.Object(waits({})), {
        ...closed,
        description: 'How long this provider may take; what is not said is taken from `timeouts`.',
      }),
    ),
    maxConnections: count(1024, [1, 65_535], 'Connections kept at most to this provider.'),
  },
  closed,
);

export const Target = Type.Object(
  {
    provider: Type.String({
      minLength: 1,
      title: 'the name of a provider above',
      description: 'The name of a provider of this file.',
    }),
    model: Type.Optional(exactModel("The model's name there. Default: the name the client used.")),
  },
  { ...closed, title: "a provider's name or { provider, model }" },
);

const route = <S extends TSchema>(target: S) =>
  Type.Object(
    {
      targets: Type.Array(target, {
        minItems: 1,
        maxItems: 16,
        title: 'a list of targets',
        description: 'Tried in order: the next one when one fails before its first content.',
      }),
    },
    closed,
  );
/** Its targets are checked one by one: errors on a union are noise. */
export const Route = route(Type.Unknown());
/** For editors and documentation. */
export const RouteInFull = route(
  Type.Union([Type.String({ minLength: 1, description: "A provider's name." }), Target]),
);

export const Key = Type.Object(
  {
    id: name('Names the key in the ledger and in logs. Not a secret.'),
    secret: Type.Optional(secretSource('The text a client sends.')),
    secretSha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-fA-F]{64}$',
        title: "the SHA-256 of the key's text as 64 hex digits",
        description:
          'Instead of `secret`: SHA-256 of the key\'s text in hex (`printf %s "$KEY" | sha256sum`).',
      }),
    ),
    organization: label('Whom its calls are charged to, from the largest unit to the smallest.'),
    team: label('The team that owns the calls: `caller_team` in the ledger.'),
    application: label('The application that makes the calls: `caller_app` in the ledger.'),
    namespace: label('The Kubernetes namespace, or what stands for it.'),
    environment: label('For example `production`.'),
    costCenter: label('For the books.'),
    models: Type.Optional(
      Type.Array(modelName('A model name or pattern.'), {
        minItems: 1,
        maxItems: 1000,
        title: 'a list of model names or patterns',
        description: 'What this key may use. Default: every model.',
      }),
    ),
  },
  closed,
);

/** Words for people, and the ledger's meter each of them prices. */
export const priceMeters = {
  input: 'input_uncached',
  cacheRead: 'input_cache_read',
  cacheWrite5m: 'input_cache_write_5m',
  cacheWrite1h: 'input_cache_write_1h',
  inputAudio: 'input_audio',
  inputImage: 'input_image',
  output: 'output_text',
  reasoning: 'output_reasoning',
  outputAudio: 'output_audio',
  outputImage: 'output_image',
} as const satisfies Record<string, ChargeType>;
type PriceWord = keyof typeof priceMeters;

/** Whole, or with up to 12 decimals, which is what the ledger's Decimal64(12) holds. */
const amount = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,6}(\\.[0-9]{1,12})?$',
      title: 'dollars as a decimal number with at most 12 decimals, such as 0.15',
      description,
      decimal: true,
    }),
  );

export const Price = Type.Object(
  {
    provider: Type.String({
      minLength: 1,
      title: 'the name of a provider above',
      description: 'The name of a provider of this file.',
    }),
    model: exactModel("The model's name at that provider."),
    usdPerMillion: Type.Object(
      {
        input: amount('Input tokens that came from no cache.'),
        cacheRead: amount('Input tokens read from a prompt cache.'),
        cacheWrite5m: amount('Input tokens written to a prompt cache for five minutes.'),
        cacheWrite1h: amount('Input tokens written to a prompt cache for an hour.'),
        inputAudio: amount('Input tokens of audio.'),
        inputImage: amount('Input tokens of images.'),
        output: amount('Output tokens of text.'),
        reasoning: amount('Output tokens of reasoning. Default: the price of `output`.'),
        outputAudio: amount('Output tokens of audio.'),
        outputImage: amount('Output tokens of images.'),
      } satisfies Record<PriceWord, unknown>,
      {
        ...closed,
        minProperties: 1,
        title: 'a map of prices',
        description: 'Dollars per million tokens, exact: 0.15 stays 0.15.',
      },
    ),
    source: label('Where the price comes from, kept with every call it priced.', 'configuration'),
  },
  closed,
);

/** Sections that hold many entries, each checked on its own, so that one mistake hides no other. */
export const collections = {
  providers: 'Where calls go: by name, a vendor and its settings.',
  models:
    "What clients may ask for: by a model's name or a pattern ending in `*`, a provider's name or a list of targets. Left out: the known models of every provider.",
  keys: 'Who may call. Beside these, the environment brings `TOLLGATE_DEMO_KEY`, which may use the models of the simulated vendor only, and, as long as there are no keys here, `TOLLGATE_CALLER_KEY`, which may use all. A key here with the id `demo`, or with the secret `${TOLLGATE_DEMO_KEY}`, takes the place of the first. `TOLLGATE_MASTER_KEY` belongs to the administrator and calls no model.',
  prices: 'Prices that differ from the built-in ones.',
} as const;
