import { pricedTypes } from '../../config/schema.ts';
import type { TokenType } from '../../contract/ledger.ts';
import { noUsage, type Usage } from '../../model/usage.ts';
import { pricedUnits, type PricedUnit } from '../../prices/sheet.ts';

const types: Readonly<Record<string, TokenType>> = pricedTypes;
const units: Readonly<Record<string, PricedUnit>> = { webSearches: 'web_searches' };

/** The words of the configuration, for what a usage may name. */
export const usageWords = [...Object.keys(types), ...Object.keys(units)].join(', ');

/** What a call might use, when nothing is said. */
export const exampleUsage = 'input=1000000,output=1000000';

/** Reads `input=1000,cacheRead=200,output=50`; what is wrong with it otherwise. */
export const usageOf = (text: string): Usage | { readonly problem: string } => {
  const tokens: Record<TokenType, number> = { ...noUsage.tokens };
  const counts: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [, word = '', digits = ''] = /^\s*(\w+)=(\d{1,12})\s*$/.exec(part) ?? [];
    const [type, unit] = [types[word], units[word]];
    if (type !== undefined) tokens[type] += Number(digits);
    else if (unit !== undefined) counts[unit] = (counts[unit] ?? 0) + Number(digits);
    else
      return { problem: `--usage: '${part}' must be one of ${usageWords}, = and a whole number` };
  }
  return { ...noUsage, tokens, units: counts };
};

/** The word of the configuration for a line, or the line's own name. */
export const wordOf = (line: TokenType | PricedUnit): string =>
  Object.entries({ ...types, ...units }).find(([, name]) => name === line)?.[0] ?? line;

/** What is no token and has a price, as far as a usage names it. */
export const unitsIn = (usage: Usage): readonly PricedUnit[] =>
  pricedUnits.filter((unit) => (usage.units[unit] ?? 0) > 0);
