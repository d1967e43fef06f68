/**
 * What the lists and maps of the configuration file are made of (its sections: `sections.ts`), field by field: the only
 * place where one is named, bounded, defaulted and explained. `title` says what a value must be, in words that fit
 * "must be ..."; `description` is the reference documentation.
 */
import { Type, type TSchema } from 'typebox';
import { closed, count, label, name, secretSource } from '@tollgate/settings/fields.ts';
import type { ChargeType } from '../contract/ledger.ts';
import { exactModel, modelName } from './model-names.ts';
import { KeyLimits } from './schema-budgets.ts';
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
    limits: Type.Optional(KeyLimits),
  },
  closed,
);

/** Words for people, and the charge type of the ledger that each of them prices. */
export const pricedTypes = {
  input: 'input_uncached',
  cacheRead: 'input_cache_read',
  cacheWrite: 'input_cache_write',
  cacheWriteLong: 'input_cache_write_long',
  inputAudio: 'input_audio',
  inputImage: 'input_image',
  output: 'output_text',
  reasoning: 'output_reasoning',
  outputAudio: 'output_audio',
  outputImage: 'output_image',
} as const satisfies Record<string, ChargeType>;
type PriceWord = keyof typeof pricedTypes;

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

const day = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$',
      title: 'a day such as 2026-11-29',
      description,
    }),
  );

const usdPerMillion = (description: string) =>
  Type.Object(
    {
      input: amount('Input tokens that came from no cache.'),
      cacheRead: amount('Input tokens read from a prompt cache.'),
      cacheWrite: amount('Input tokens written to a prompt cache, of the usual lifetime.'),
      cacheWriteLong: amount('Input tokens written to a prompt cache, of a longer lifetime.'),
      inputAudio: amount('Input tokens of audio.'),
      inputImage: amount('Input tokens of images.'),
      output: amount('Output tokens of text.'),
      reasoning: amount('Output tokens of reasoning. Default: the price of `output`.'),
      outputAudio: amount('Output tokens of audio.'),
      outputImage: amount('Output tokens of images.'),
    } satisfies Record<PriceWord, unknown>,
    { ...closed, minProperties: 1, title: 'a map of prices', description },
  );

export const Price = Type.Object(
  {
    provider: Type.String({
      minLength: 1,
      title: 'the name of a provider above',
      description: 'The name of a provider of this file.',
    }),
    model: modelName(
      "The model's name at that provider, as it is asked for or as the provider answers; `gpt-*` and `*` are patterns. A whole name says more than a pattern, a longer pattern more than a shorter one.",
    ),
    usdPerMillion: Type.Optional(
      usdPerMillion(
        'Dollars per million tokens, exact: 0.15 stays 0.15. What it does not name stays as listed.',
      ),
    ),
    above: Type.Optional(
      Type.Array(
        Type.Object(
          {
            tokens: Type.Integer({
              minimum: 1,
              maximum: 100_000_000,
              title: 'a whole number from 1 to 100000000',
              description: 'Holds for calls with more input tokens than this.',
            }),
            usdPerMillion: usdPerMillion('Dollars per million tokens of such calls.'),
          },
          closed,
        ),
        {
          minItems: 1,
          maxItems: 8,
          title: 'a list of { tokens, usdPerMillion }',
          description:
            'Other prices for calls with a larger input: the whole call moves there. Of lines that `usdPerMillion` names.',
        },
      ),
    ),
    usdPerThousand: Type.Optional(
      Type.Object(
        { webSearches: amount('Searches of the web by the provider.') },
        {
          ...closed,
          minProperties: 1,
          title: 'a map of prices',
          description: 'Dollars per thousand of what is no token.',
        },
      ),
    ),
    discount: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,2}(\\.[0-9]{1,6})?$',
        title: 'a factor with at most 6 decimals, such as 0.9',
        description:
          'A factor on all that the vendor lists and this entry does not name: 0.9 is a tenth off.',
        decimal: true,
      }),
    ),
    from: day('Holds for calls from this day on, UTC.'),
    until: day('Does not hold from this day on, UTC.'),
    source: label('Where the price comes from, kept with every call it priced.', 'configuration'),
  },
  closed,
);

export const Users = Type.Object(
  {
    hashKey: Type.Optional(
      secretSource(
        'A key of at least 16 characters. With it, the end user that a client names is written as HMAC-SHA-256 of that name, 32 hex digits, wherever it is written: row, span and log line. The same name and key are the same user; without the key nobody can try names.',
      ),
    ),
  },
  { ...closed, title: 'a map with `hashKey`' },
);

/** Sections that hold many entries, each checked on its own, so that one mistake hides no other. */
export const collections = {
  providers: 'Where calls go: by name, a vendor and its settings.',
  models:
    "What clients may ask for: by a model's name or a pattern ending in `*`, a provider's name or a list of targets. Left out: the known models of every provider.",
  keys: 'Who may call. Beside these, the environment brings `TOLLGATE_DEMO_KEY`, which may use the models of the simulated vendor only, and, as long as there are no keys here, `TOLLGATE_CALLER_KEY`, which may use all. A key here with the id `demo`, or with the secret `${TOLLGATE_DEMO_KEY}`, takes the place of the first. `TOLLGATE_MASTER_KEY` belongs to the administrator and calls no model.',
  issuers:
    'Whose tokens (JWT) clients may send in place of a key, as `Authorization: Bearer`: OpenID providers, Kubernetes.',
  prices: 'Prices that differ from the built-in ones.',
  budgets:
    'What may be spent, by whom, in which time: money, tokens or calls. A call that may come to more than one of its hard budgets has left is refused with 429 before a provider is asked.',
  users:
    'How end users are written down (`x-tollgate-user`, `enduser.id` in baggage). Left out: as the client names them.',
} as const;
