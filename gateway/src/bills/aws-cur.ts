import { anyModel, bad, type CsvFormat, type CsvRow, type ReadLine } from './bill.ts';
import { dayOfText } from './day.ts';
import { decimalOf, noAmount } from './decimal.ts';

/** `lineItem/UsageStartDate` of the older report is `line_item_usage_start_date` of the newer. */
const column = (header: string): string =>
  header
    .trim()
    .replaceAll('/', '_')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** Bedrock's own models are a product of AWS; those of others are sold there through the marketplace, and their names say so. */
const isBedrock = (row: CsvRow): boolean =>
  [row['line_item_product_code'], row['product_servicecode']].some(
    (code) => code !== undefined && code.startsWith('AmazonBedrock'),
  ) ||
  /Amazon Bedrock Edition/i.test(
    `${row['line_item_line_item_description'] ?? ''} ${row['product_product_name'] ?? ''} ${row['product'] ?? ''}`,
  );

const read = (row: CsvRow): ReadLine => {
  if (!isBedrock(row) || row['line_item_line_item_type'] === 'Tax') return { kind: 'other' };
  const day = dayOfText(row['line_item_usage_start_date'] ?? '');
  if (day === null) return bad('line_item_usage_start_date', 'is no time of UTC');
  // What is paid behind discounts, where the report has it.
  const net = row['line_item_net_unblended_cost'] ?? '';
  const [field, text] =
    net === ''
      ? ['line_item_unblended_cost', row['line_item_unblended_cost'] ?? '']
      : ['line_item_net_unblended_cost', net];
  const amount = decimalOf(text);
  if (amount === null) return bad(field, 'is no decimal number');
  if (row['line_item_currency_code'] !== 'USD') return bad('line_item_currency_code', 'is not USD');
  return {
    kind: 'line',
    line: {
      day,
      account: row['line_item_usage_account_id'] ?? '',
      model: anyModel,
      item: row['line_item_usage_type'] ?? '',
      quantity: decimalOf(row['line_item_usage_amount'] ?? '') ?? noAmount,
      unit: row['pricing_unit'] ?? '',
      amount,
      isFinal: (row['bill_invoice_id'] ?? '') !== '',
    },
  };
};

/**
 * Cost and Usage Reports, 2.0 and before, by the hour or the day: the lines of Bedrock. They name a usage type, such as
 * `USE1-Claude4Sonnet-input-tokens`, no model that a call could name. An invoice id stands there when the report is final.
 * https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-line-item.html,
 * https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-bill.html
 */
export const awsCur: CsvFormat = {
  name: 'aws-cur',
  kind: 'csv',
  provider: 'bedrock',
  about: 'AWS Cost and Usage Reports',
  needs: [
    'line_item_usage_start_date',
    'line_item_unblended_cost',
    'line_item_usage_account_id',
    'line_item_currency_code',
    'line_item_product_code',
    'bill_invoice_id',
  ],
  column,
  read,
};
