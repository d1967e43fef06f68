/** What may a call come to at most, as far as its providers keep to what it asks? */
import type { TokenType } from '../../contract/ledger.ts';
import type { Amounts } from '../../model/budget.ts';
import type { Operation, RequestParameters, Target } from '../../model/call.ts';
import { costOf, noMoney, plus, toPicodollars, type Picodollars } from '../../model/money.ts';
import { noUsage } from '../../model/usage.ts';
import { chargeBasis, dimensionsOf, rateFor, type PriceTable, type RateSheet } from '../price.ts';
import type { Prompt } from './prompt.ts';

/** A call, as far as it says what it may cost. */
export interface Asked {
  readonly operation: Operation;
  readonly parameters: RequestParameters;
  readonly targets: readonly Target[];
  readonly prompt: Prompt;
  /** Tokens of its prompt, at most. */
  readonly inputTokens: number;
  /** When it began, epoch milliseconds. */
  readonly startedAtMs: number;
}

export type WorstCase =
  | { readonly kind: 'known'; readonly amounts: Amounts }
  /** Nobody knows what this target would cost; the amounts have no money in them. */
  | { readonly kind: 'unpriced'; readonly target: Target; readonly amounts: Amounts };

const plainInput: readonly TokenType[] = ['input_uncached'];
/** Kept by the provider unasked, where it bills that (OpenAI), or when it is asked to (Anthropic). */
const writtenInput: readonly TokenType[] = ['input_cache_write', 'input_cache_write_long'];
const mediaInput: readonly TokenType[] = ['input_audio', 'input_image'];
const textOutput: readonly TokenType[] = ['output_text', 'output_reasoning'];
const mediaOutput: readonly TokenType[] = ['output_audio', 'output_image'];

const inputTypesOf = (
  { writesCache, hasMedia }: Prompt,
  { rates }: RateSheet,
): readonly TokenType[] => {
  // Who has one lifetime keeps prompts without being asked to.
  const isUnasked = rates.input_cache_write_long === undefined;
  return [
    ...plainInput,
    ...(writesCache || isUnasked ? writtenInput : []),
    ...(hasMedia ? mediaInput : []),
  ];
};

/** So many tokens at the dearest of these rates; null: the first of them, of which nearly all will be, has none. */
const dearest = (
  types: readonly TokenType[],
  { rates }: RateSheet,
  { tokens, inputTokens }: { readonly tokens: number; readonly inputTokens: number },
): Picodollars | null => {
  const [first] = types;
  if (tokens === 0) return noMoney;
  if (first === undefined || rates[first] === undefined) return null;
  let most = noMoney;
  for (const type of types) {
    const rate = rates[type];
    if (rate === undefined) continue;
    const cost = costOf(tokens, rateFor(rate, inputTokens));
    if (cost > most) most = cost;
  }
  return most;
};

/** Each line of a charge is rounded by itself; of one whose tokens are spread over many, so much may be added. */
const roundings = toPicodollars(16n);

const mostAt = (
  target: Target,
  { prompt, inputTokens, parameters, startedAtMs }: Asked,
  outputTokens: number,
  prices: PriceTable,
): Picodollars | null => {
  const { provider, model } = target;
  const price = prices.find(provider, { asked: model, answered: model }, startedAtMs);
  const dimensions = dimensionsOf(parameters.dimensions, model, {});
  const { used, sheet, isWhole } = chargeBasis(noUsage, price, dimensions);
  if (sheet === null || !isWhole) return null;
  const input = dearest(inputTypesOf(prompt, sheet), sheet, { tokens: inputTokens, inputTokens });
  const outputs = prompt.hasMedia ? [...textOutput, ...mediaOutput] : textOutput;
  const output = dearest(outputs, sheet, { tokens: outputTokens, inputTokens });
  if (input === null || output === null) return null;
  let units = noMoney;
  for (const unit in used.units) {
    const rate = sheet.unitRates[unit];
    if (rate === undefined) return null;
    units = plus(units, costOf(used.units[unit] ?? 0, rate));
  }
  const sum = plus(plus(input, output), units);
  return sum === noMoney ? sum : plus(sum, roundings);
};

const whole = (count: number): number => Math.min(Math.ceil(count), Number.MAX_SAFE_INTEGER);

/**
 * Input as the dearest kind it may be billed as, all the output that may come, at the dearest of the targets; and once, for a
 * further attempt holds more for itself.
 * @param assumedOutputTokens of one answer, where the call names no maximum
 */
export const worstCase = (
  asked: Asked,
  prices: PriceTable,
  assumedOutputTokens: number,
): WorstCase => {
  const { operation, parameters, targets, inputTokens } = asked;
  const perAnswer = parameters.maxTokens ?? assumedOutputTokens;
  const outputTokens = operation === 'chat' ? whole(perAnswer * parameters.choices) : 0;
  const tokens = BigInt(whole(inputTokens + outputTokens));
  const amounts = { usd: 0n, tokens, requests: 1n, parallel: 1n };
  let usd = noMoney;
  for (const target of targets) {
    const most = mostAt(target, asked, outputTokens, prices);
    if (most === null) return { kind: 'unpriced', target, amounts };
    if (most > usd) usd = most;
  }
  return { kind: 'known', amounts: { ...amounts, usd } };
};
