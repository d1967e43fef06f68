/**
 * LiteLLM's map of prices as lists of models, each under its own name.
 * https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TokenType } from '../contract/ledger.ts';
import type { Line, Model, Sheet, Variant } from './sheet.ts';
import { Source } from './source.ts';

const Texts = Type.Record(Type.String(), Type.String());
const Entry = Type.Object({
  usdPerMillion: Texts,
  factors: Type.Optional(Texts),
  usdPerSearch: Type.Optional(Texts),
});
const checkedData = Compile(
  Type.Object({
    source: Source,
    vendors: Type.Record(Type.String(), Type.Record(Type.String(), Entry)),
  }),
);

// oxfmt-ignore
const types: Readonly<Record<string, TokenType>> = {
  input_cost_per_token: 'input_uncached',
  cache_read_input_token_cost: 'input_cache_read',
  cache_creation_input_token_cost: 'input_cache_write',
  input_cost_per_audio_token: 'input_audio',
  input_cost_per_image_token: 'input_image',
  output_cost_per_token: 'output_text',
  output_cost_per_reasoning_token: 'output_reasoning',
  output_cost_per_audio_token: 'output_audio',
  output_cost_per_image_token: 'output_image',
};

/** `cache_creation_input_token_cost_above_1hr_above_200k_tokens_flex`: what, how long it lives, how large the input is, which tier. */
const grammar = new RegExp(
  `^(${Object.keys(types).join('|')})(_above_1hr|_above_12hr)?(?:_above_(\\d+)k_tokens)?(?:_(priority|flex|batches|ultrafast))?$`,
);

/** Its words for tiers, and what calls and replies say. */
const tiers: Readonly<Record<string, string>> = {
  priority: 'priority',
  flex: 'flex',
  batches: 'batch',
  ultrafast: 'ultrafast',
};

/** Its factors, and of which dimension they are. Anthropic: https://platform.claude.com/docs/en/about-claude/pricing */
const factors: Readonly<Record<string, string>> = { us: 'inference_geo', fast: 'speed' };

interface Cell {
  readonly type: TokenType;
  readonly tier: string;
  /** 0: of any input. */
  readonly aboveTokens: number;
  readonly usd: string;
}

const cellOf = ([key, usd]: readonly [string, string]): Cell | null => {
  const [, name = '', lifetime, thousands, tier] = grammar.exec(key) ?? [];
  const type = types[name];
  if (type === undefined) return null;
  if (lifetime !== undefined && type !== 'input_cache_write') return null;
  return {
    type: lifetime === undefined ? type : 'input_cache_write_long',
    tier: tiers[tier ?? ''] ?? '',
    aboveTokens: Number(thousands ?? 0) * 1000,
    usd,
  };
};

const sheetOf = (cells: readonly Cell[]): Sheet => {
  const sheet: Partial<Record<TokenType, Line>> = {};
  for (const { type, usd } of cells.filter(({ aboveTokens }) => aboveTokens === 0)) {
    const above = cells
      .filter((cell) => cell.type === type && cell.aboveTokens > 0)
      .toSorted((a, b) => a.aboveTokens - b.aboveTokens)
      .map((cell) => ({ tokens: cell.aboveTokens, usd: cell.usd }));
    sheet[type] = above.length === 0 ? { usd } : { usd, above };
  }
  return sheet;
};

/** Dollars per search as dollars per thousand, when all sizes of context cost the same. */
const searchLine = (usdPerSearch: Readonly<Record<string, string>> | undefined): Sheet => {
  const prices = [...new Set(Object.values(usdPerSearch ?? {}))];
  const [price] = prices;
  if (prices.length !== 1 || price === undefined || !/^0?\.\d{1,3}$/.test(price)) return {};
  const thousandths = (price.split('.')[1] ?? '').padEnd(3, '0');
  return { web_searches: { usd: String(Number(thousandths)) } };
};

const modelOf = (
  vendor: string,
  name: string,
  entry: Static<typeof Entry>,
  source: string,
): Model => {
  const cells = Object.entries(entry.usdPerMillion).flatMap((price) => cellOf(price) ?? []);
  const tierNames = [...new Set(cells.map(({ tier }) => tier))].filter((tier) => tier !== '');
  const variants: Variant[] = tierNames.map((value) => ({
    dimension: 'service_tier',
    value,
    usd: sheetOf(cells.filter(({ tier }) => tier === value)),
  }));
  for (const [value, times] of Object.entries(entry.factors ?? {})) {
    const dimension = factors[value];
    if (dimension !== undefined) variants.push({ dimension, value, times });
  }
  return {
    id: `${vendor}/${name}`,
    match: { equals: name },
    prices: [
      {
        usd: {
          ...sheetOf(cells.filter(({ tier }) => tier === '')),
          ...searchLine(entry.usdPerSearch),
        },
      },
    ],
    ...(variants.length === 0 ? {} : { variants }),
    source,
  };
};

export interface Litellm {
  readonly source: Source;
  /** By vendor and name. */
  readonly vendors: ReadonlyMap<string, ReadonlyMap<string, Model>>;
}

/** Reads `sources/litellm.json`. Throws when it is something else. */
export const readLitellm = (value: unknown): Litellm => {
  if (!checkedData.Check(value)) throw new Error("this is not LiteLLM's map of prices");
  const { source } = value;
  return {
    source,
    vendors: new Map(
      Object.entries(value.vendors).map(([vendor, models]) => [
        vendor,
        new Map(
          Object.entries(models).map(([name, entry]) => [
            name,
            modelOf(vendor, name, entry, source.name),
          ]),
        ),
      ]),
    ),
  };
};
