import { isObject, listAt, objectAt, textAt, type Json, type JsonObject } from '../model/json.ts';
import { anyModel, bad, type JsonFormat, type ReadLine, type ReadPart } from './bill.ts';
import { dayOfEpoch } from './day.ts';
import { decimalOf, noAmount } from './decimal.ts';

/**
 * The model of a line item: `gpt-4.1-2025-04-14, cached input`, `priority | gpt-5.6-sol, output, long context`, `gpt-image-2.5 text, input`.
 * Other items name none: `web search tool calls`.
 */
const modelOf = (item: string): string =>
  /^(?:[^|,]+\| )?([\w.:/-]+)(?: [\w ]+)?, /.exec(item)?.[1] ?? anyModel;

const resultOf = (day: string | null, result: Json): ReadLine => {
  if (day === null) return bad('start_time', 'is not the beginning of a day of UTC');
  if (!isObject(result)) return bad('results', 'holds something that is no object');
  const amount = objectAt(result, 'amount');
  const value = decimalOf(textAt(amount ?? {}, 'value') ?? '');
  if (amount === null || value === null) return bad('amount.value', 'is no decimal number');
  if (textAt(amount, 'currency')?.toLowerCase() !== 'usd')
    return bad('amount.currency', 'is not usd');
  const item = textAt(result, 'line_item') ?? '';
  const quantity = decimalOf(textAt(result, 'quantity') ?? '');
  return {
    kind: 'line',
    line: {
      day,
      account: '',
      model: modelOf(item),
      item: item === '' ? 'not grouped by line_item' : item,
      quantity: quantity ?? noAmount,
      unit: '',
      amount: value,
      isFinal: null,
    },
  };
};

const bucketOf = (bucket: Json, at: string): readonly ReadPart[] => {
  if (!isObject(bucket)) return [{ at, read: bad('data', 'holds something that is no bucket') }];
  const day = dayOfEpoch(Number(textAt(bucket, 'start_time') ?? NaN));
  return listAt(bucket, 'results').map((result, i) => ({
    at: `${at}.results[${i}]`,
    read: resultOf(day, result),
  }));
};

/**
 * Answers of `GET /v1/organization/costs` with `group_by[]=line_item`: buckets of a day of UTC, an amount for each line item.
 * https://platform.openai.com/docs/api-reference/usage/costs; line items as organisations have published them.
 */
export const openai: JsonFormat = {
  name: 'openai',
  kind: 'json',
  provider: 'openai',
  about: 'answers of /v1/organization/costs',
  read: (page: JsonObject) =>
    Array.isArray(page['data'])
      ? listAt(page, 'data').flatMap((bucket, i) => bucketOf(bucket, `data[${i}]`))
      : [{ at: '', read: bad('data', 'is missing: this is no answer of /v1/organization/costs') }],
  hasMore: (page) => page['has_more'] === true,
};
