import type { Config } from '../../config/config.ts';
import {
  catalogueOf,
  listsFor,
  shippedCatalogue,
  type PricedProvider,
} from '../../edge/prices/catalog.ts';
import { newestDay } from '../../prices/catalogue.ts';
import { foundIn } from '../../prices/find-name.ts';
import { cells } from '../../prices/diff.ts';
import { nearNames } from '../../prices/names.ts';
import { matches } from '../../decide/plan.ts';
import { command } from '../command.ts';
import { configurationHelp, readConfiguration } from '../configuration.ts';
import { failWith, misuse, say } from '../say.ts';
import { mostNear, pricedProvider } from './provider.ts';

const dayMs = 86_400_000;

const overview = (config: Config, nowMs: number) => {
  const catalogue = catalogueOf(config);
  const { version, sources, vendors } = catalogue;
  return {
    version,
    from: config.priceCatalogue === null ? 'this version of Tollgate' : config.catalogue.file,
    shipped: shippedCatalogue().version,
    ageDays: Math.max(0, Math.floor((nowMs - Date.parse(newestDay(catalogue))) / dayMs)),
    sources,
    vendors: Object.fromEntries([...vendors].map(([name, { models }]) => [name, models.length])),
    ownPrices: config.prices.length,
  };
};

const overviewText = (all: ReturnType<typeof overview>): string =>
  [
    `catalogue ${all.version}, of ${all.from}${all.shipped === all.version ? '' : ` (shipped: ${all.shipped})`}`,
    `  age      ${all.ageDays} days`,
    ...all.sources.map(
      ({ name, version, day, sha256 }) => `  source   ${name} ${version}, ${day}, sha256 ${sha256}`,
    ),
    ...Object.entries(all.vendors).map(([name, count]) => `  vendor   ${name}: ${count} entries`),
    `  own      ${all.ownPrices} prices of the configuration`,
  ].join('\n');

/** One vendor's list, or one model's entry of it with the own prices that lie over it. */
const ofProvider = (config: Config, priced: PricedProvider, model: string | undefined) => {
  const catalogue = catalogueOf(config);
  const { name: provider } = priced;
  const lists = listsFor(catalogue, priced);
  const own = config.prices.filter(
    (price) =>
      price.provider === provider &&
      (model === undefined || price.model === model || matches(price.model, model)),
  );
  const found = model === undefined ? null : foundIn(lists, model);
  const entries = model === undefined ? (lists[0] ?? []) : found === null ? [] : [found.model];
  return {
    version: catalogue.version,
    provider,
    entries: entries.map((entry) => ({
      id: entry.id,
      source: entry.source,
      prices: Object.fromEntries(cells(entry)),
    })),
    own,
    near: model !== undefined && found === null ? nearNames(lists, model, mostNear) : [],
  };
};

const providerText = (all: ReturnType<typeof ofProvider>): string =>
  [
    `catalogue ${all.version}, provider ${all.provider}`,
    ...all.entries.flatMap(({ id, source, prices }) => [
      `  ${id}  (${source})`,
      ...Object.entries(prices).map(([line, usd]) => `    ${line}  ${usd}`),
    ]),
    ...(all.entries.length === 0 ? ['  no entry'] : []),
    ...(all.near.length === 0 ? [] : [`  near: ${all.near.join(', ')}`]),
    ...all.own.map((price) => `  own price over it: ${JSON.stringify(price)}`),
  ].join('\n');

/** `tollgate prices show [--provider P] [--model M]`. */
export const show = command({
  args: {
    provider: { type: 'string', description: 'A provider of the configuration, or a vendor' },
    model: { type: 'string', description: "A model's name at that provider" },
    config: { type: 'string', description: configurationHelp },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args: { provider, model, config, json } }) => {
    const asJson = json === true;
    if (provider === undefined && model !== undefined)
      return misuse('--model needs --provider: who serves it?');
    const read = await readConfiguration(config);
    if (read.kind === 'bad') return failWith(read.problems, asJson);
    if (provider === undefined) {
      const all = overview(read.config, Date.now());
      say(asJson ? JSON.stringify({ ok: true, ...all }) : overviewText(all));
      return;
    }
    const priced = pricedProvider(read.config, provider);
    if (priced === null) return misuse(`there is no provider or vendor '${provider}'`);
    const all = ofProvider(read.config, priced, model);
    say(asJson ? JSON.stringify({ ok: true, ...all }) : providerText(all));
    if (model !== undefined && all.entries.length === 0 && all.own.length === 0)
      process.exitCode = 1;
  },
});
