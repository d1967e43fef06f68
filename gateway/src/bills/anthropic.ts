import { isObject, listAt, textAt, type Json, type JsonObject } from '../model/json.ts';
import { anyModel, bad, type JsonFormat, type ReadLine, type ReadPart } from './bill.ts';
import { dayOfText } from './day.ts';
import { decimalOf, hundredth, noAmount } from './decimal.ts';

const resultOf = (day: string | null, result: Json): ReadLine => {
  if (day === null) return bad('starting_at', 'is no time of a day of UTC');
  if (!isObject(result)) return bad('results', 'holds something that is no object');
  const cents = decimalOf(textAt(result, 'amount') ?? '');
  if (cents === null) return bad('amount', 'is no decimal number');
  if (textAt(result, 'currency')?.toUpperCase() !== 'USD') return bad('currency', 'is not USD');
  return {
    kind: 'line',
    line: {
      day,
      account: '',
      // Searches and code execution name no model.
      model: textAt(result, 'model') ?? anyModel,
      item: textAt(result, 'description') ?? 'not grouped by description',
      quantity: noAmount,
      unit: '',
      amount: hundredth(cents),
      isFinal: null,
    },
  };
};

const bucketOf = (bucket: Json, at: string): readonly ReadPart[] => {
  if (!isObject(bucket)) return [{ at, read: bad('data', 'holds something that is no bucket') }];
  const day = dayOfText(textAt(bucket, 'starting_at') ?? '');
  return listAt(bucket, 'results').map((result, i) => ({
    at: `${at}.results[${i}]`,
    read: resultOf(day, result),
  }));
};

/**
 * Answers of `GET /v1/organizations/cost_report` with `group_by[]=description`: buckets of a day of UTC, amounts as decimal text in cents. Costs of
 * the priority tier are not in it. https://platform.claude.com/docs/en/api/admin/cost_report/retrieve
 */
export const anthropic: JsonFormat = {
  name: 'anthropic',
  kind: 'json',
  provider: 'anthropic',
  about: 'answers of /v1/organizations/cost_report',
  read: (page: JsonObject) =>
    Array.isArray(page['data'])
      ? listAt(page, 'data').flatMap((bucket, i) => bucketOf(bucket, `data[${i}]`))
      : [
          {
            at: '',
            read: bad('data', 'is missing: this is no answer of /v1/organizations/cost_report'),
          },
        ],
  hasMore: (page) => page['has_more'] === true,
};
