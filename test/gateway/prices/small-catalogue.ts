import { catalogueText } from '../../../gateway/src/prices/catalogue.ts';
import { shippedCatalogue } from '../../../gateway/src/edge/prices/catalog.ts';
import type { Model, Vendor } from '../../../gateway/src/prices/sheet.ts';

interface Small {
  /** Dollars per million input tokens of `gpt-4o-mini` at OpenAI. */
  readonly input?: string;
  readonly day?: string;
  readonly more?: readonly Model[];
  /** All vendors of the shipped catalogue beside it, with empty lists, as a configuration may need any of them. */
  readonly allVendors?: boolean;
}

/** The text of a catalogue with one model, or a few. */
export const smallCatalogue = ({
  input = '0.15',
  day = '2026-11-30',
  more = [],
  allVendors = false,
}: Small = {}): string => {
  const model: Model = {
    id: 'openai/gpt-4o-mini',
    match: { starts_with: 'gpt-4o-mini' },
    prices: [{ usd: { input_uncached: { usd: input }, output_text: { usd: '0.6' } } }],
    source: 'test',
  };
  const others = allVendors ? [...shippedCatalogue().vendors.keys()] : [];
  const vendors = new Map<string, Vendor>(
    others.map((name) => [name, { fallback: [], models: [] }]),
  );
  vendors.set('openai', { fallback: [], models: [model, ...more] });
  return catalogueText(vendors, [{ name: 'test', version: '1', sha256: '0', day }], day);
};
