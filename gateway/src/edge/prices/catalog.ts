/** The price catalogue that ships with the gateway, and the prices of a configuration. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Config, ProviderConfig } from '../../config/config.ts';
import { readCatalogue, type Catalogue } from '../../prices/catalogue.ts';
import type { Model } from '../../prices/sheet.ts';
import type { PriceParts } from '../../prices/lines.ts';
import type { OwnPrice } from '../../prices/own-price.ts';
import { listsOf, priceTable, type ExplainingTable } from '../../prices/table.ts';
import { providers } from '../../providers/registry.ts';

/** Where the catalogue lies that was compiled with this version. */
export const cataloguePath = fileURLToPath(
  new URL('../../../prices/catalogue.json', import.meta.url),
);

let shipped: Catalogue | null = null;

/** The catalogue that was compiled with this version. Read once; throws when it is damaged. */
export const shippedCatalogue = (): Catalogue => {
  if (shipped !== null) return shipped;
  const read = readCatalogue(readFileSync(cataloguePath, 'utf8'));
  if (read.kind === 'bad') throw new Error(`${cataloguePath} ${read.problem}`);
  return (shipped = read.catalogue);
};

/** The catalogue in force: the one that the configuration names, else the one of this version. */
export const catalogueOf = ({ priceCatalogue }: Pick<Config, 'priceCatalogue'>): Catalogue =>
  priceCatalogue ?? shippedCatalogue();

/** What the simulated model "costs", so that a first call shows a price; a configuration may say otherwise. */
const simulatedPrice = {
  model: '*',
  source: 'simulated',
  usd: {
    input_uncached: { usd: '0.15' },
    input_cache_read: { usd: '0.075' },
    output_text: { usd: '0.60' },
  },
} as const;

const ownPrice = (own: Config['prices'][number]): OwnPrice => {
  const { provider, model, above, webSearchesUsdPerThousand: searches, source } = own;
  const lines = Object.entries(own.usdPerMillion).map(([type, usd]) => {
    const tiers = above
      .flatMap(({ tokens, usdPerMillion }) =>
        usdPerMillion[type] === undefined ? [] : [{ tokens, usd: usdPerMillion[type] }],
      )
      .toSorted((a, b) => a.tokens - b.tokens);
    return [type, tiers.length === 0 ? { usd } : { usd, above: tiers }] as const;
  });
  return {
    provider,
    model,
    source,
    usd: {
      ...Object.fromEntries(lines),
      ...(searches === null ? {} : { web_searches: { usd: searches } }),
    },
    ...(own.discount === null ? {} : { times: own.discount }),
    ...(own.from === null ? {} : { from: own.from }),
    ...(own.until === null ? {} : { until: own.until }),
  };
};

/** A provider, as far as its prices go. */
export type PricedProvider = Pick<ProviderConfig, 'name' | 'use' | 'isSimulated'>;

/** The vendor in the catalogue that a provider is priced as; null: none, it has prices of the configuration only. */
export const vendorOf = ({ use }: PricedProvider): string | null =>
  providers.get(use)?.prices ?? null;

/** The price lists of a provider: its vendor's, and those of vendors whose models that one also serves. */
export const listsFor = (
  catalogue: Catalogue,
  provider: PricedProvider,
): readonly (readonly Model[])[] => {
  const vendor = vendorOf(provider);
  return vendor === null ? [] : listsOf(catalogue.vendors, vendor);
};

/** What the prices of a configuration are made of. The version names the catalogue and, when there are any, the own prices by their hash. */
export const pricePartsOf = (
  config: Pick<Config, 'prices' | 'priceCatalogue'> & {
    readonly providers: ReadonlyMap<string, PricedProvider>;
  },
): PriceParts => {
  const catalogue = catalogueOf(config);
  const lists = new Map<string, readonly (readonly Model[])[]>();
  const simulated: OwnPrice[] = [];
  for (const provider of config.providers.values()) {
    const { name, isSimulated } = provider;
    lists.set(name, listsFor(catalogue, provider));
    if (isSimulated) simulated.push({ ...simulatedPrice, provider: name });
  }
  const own = config.prices
    .map((price) => JSON.stringify(price))
    .toSorted()
    .join('\n');
  const hash = own === '' ? '' : `+${createHash('sha256').update(own).digest('hex').slice(0, 8)}`;
  return {
    version: `${catalogue.version}${hash}`,
    lists,
    own: [...config.prices.map(ownPrice), ...simulated],
  };
};

/** All prices for a configuration. */
export const compilePrices = (config: Parameters<typeof pricePartsOf>[0]): ExplainingTable => {
  const { version, lists, own } = pricePartsOf(config);
  return priceTable(version, lists, own);
};
