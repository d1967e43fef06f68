import { catalogueOf, compilePrices, listsFor, vendorOf } from '../../edge/prices/catalog.ts';
import type { Dimensions } from '../../model/usage.ts';
import { nearNames } from '../../prices/names.ts';
import { command } from '../command.ts';
import { configurationHelp, readConfiguration } from '../configuration.ts';
import { failWith, misuse, say } from '../say.ts';
import { explained, explanationText } from './explanation.ts';
import { mostNear, pricedProvider } from './provider.ts';
import { exampleUsage, usageOf, usageWords } from './usage.ts';

const named = (values: Readonly<Record<string, string | undefined>>): Dimensions =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** `tollgate prices explain`: what would this call cost, and why? Exit code 1 when something of it has no price. */
export const explain = command({
  args: {
    provider: {
      type: 'string',
      required: true,
      description: 'A provider of the configuration, or a vendor',
    },
    model: { type: 'string', required: true, description: 'As it is asked for at the provider' },
    answered: { type: 'string', description: 'As the provider answers. Default: as it was asked' },
    at: { type: 'string', description: 'When the call begins, 2026-11-29T12:00:00Z. Default: now' },
    tier: { type: 'string', description: 'Service tier, such as flex or priority' },
    region: { type: 'string', description: "Where it is computed: Anthropic's inference_geo" },
    speed: { type: 'string', description: 'Such as fast' },
    usage: { type: 'string', description: `Of ${usageWords}. Default: ${exampleUsage}` },
    config: { type: 'string', description: configurationHelp },
    json: { type: 'boolean', description: 'Print JSON' },
  },
  run: async ({ args }) => {
    const { provider, model, answered = model, at, tier, region, speed, config } = args;
    const asJson = args.json === true;
    const atMs = at === undefined ? Date.now() : Date.parse(at);
    if (Number.isNaN(atMs)) return misuse(`--at: '${at}' is no time such as 2026-11-29T12:00:00Z`);
    const usage = usageOf(args.usage ?? exampleUsage);
    if ('problem' in usage) return misuse(usage.problem);
    const read = await readConfiguration(config);
    if (read.kind === 'bad') return failWith(read.problems, asJson);
    const priced = pricedProvider(read.config, provider);
    if (priced === null) return misuse(`there is no provider or vendor '${provider}'`);

    const catalogue = catalogueOf(read.config);
    const vendor = vendorOf(priced) ?? '';
    const vendors = [vendor, ...(catalogue.vendors.get(vendor)?.fallback ?? [])];
    const providers = new Map([...read.config.providers, [provider, priced] as const]);
    const all = explained(
      compilePrices({ ...read.config, providers }),
      {
        provider,
        asked: model,
        answered,
        atMs,
        usage,
        dimensions: named({ service_tier: tier, inference_geo: region, speed }),
      },
      vendors,
    );
    const isPriced = ['priced', 'free', 'none'].includes(all.status);
    const near = isPriced ? [] : nearNames(listsFor(catalogue, priced), model, mostNear);
    if (!isPriced) process.exitCode = 1;
    if (asJson) say(JSON.stringify({ ok: isPriced, ...all, near }));
    else {
      say(explanationText(all));
      if (near.length > 0 && all.entry === null) say(`  near     ${near.join(', ')}`);
    }
  },
});
