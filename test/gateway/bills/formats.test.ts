/** Each format of a bill: what is read of it as its provider documents it, and what is said of what is wrong. */
import { expect, test } from 'vitest';
import { anthropic } from '../../../gateway/src/bills/anthropic.ts';
import { awsCur } from '../../../gateway/src/bills/aws-cur.ts';
import { azure } from '../../../gateway/src/bills/azure.ts';
import type {
  BillFormat,
  CsvFormat,
  JsonFormat,
  ReadLine,
} from '../../../gateway/src/bills/bill.ts';
import { decimalText } from '../../../gateway/src/bills/decimal.ts';
import { focus } from '../../../gateway/src/bills/focus.ts';
import { parseNumbersAsText } from '../../../gateway/src/bills/json-text.ts';
import { openai } from '../../../gateway/src/bills/openai.ts';
import { billFormats } from '../../../gateway/src/bills/registry.ts';
import { isObject } from '../../../gateway/src/model/json.ts';

/** As plain texts. */
const shown = (read: ReadLine) =>
  read.kind !== 'line'
    ? read
    : {
        ...read.line,
        amount: decimalText(read.line.amount, 12),
        quantity: decimalText(read.line.quantity, 6),
      };
const readJson = (format: JsonFormat, text: string) => {
  const page = parseNumbersAsText(text);
  if (!isObject(page)) throw new Error('no page');
  return format.read(page).map(({ at, read }) => [at, shown(read)] as const);
};
const bucket = (result: string): string =>
  `{"object":"page","data":[{"object":"bucket","start_time":1790812800,"end_time":1790899200,"results":[${result}]}],"has_more":false,"next_page":null}`;
const openaiResult = (value: string, item: string): string =>
  `{"object":"organization.costs.result","amount":{"value":${value},"currency":"usd"},"line_item":${item},"project_id":null}`;

test('OpenAI: a line item is of a day and a model, its amount is what was written', () => {
  expect(
    readJson(
      openai,
      bucket(openaiResult('0.10000000000000000555', '"gpt-4.1-2025-04-14, cached input"')),
    ),
  ).toEqual([
    [
      'data[0].results[0]',
      {
        day: '2026-10-01',
        account: '',
        model: 'gpt-4.1-2025-04-14',
        item: 'gpt-4.1-2025-04-14, cached input',
        quantity: '0',
        unit: '',
        amount: '0.1',
        isFinal: null,
      },
    ],
  ]);
});

test.each([
  ['gpt-5.5-2026-04-23, output', 'gpt-5.5-2026-04-23'],
  ['priority | gpt-5.6-sol, output, long context', 'gpt-5.6-sol'],
  ['gpt-audio-mini-2025-12-15 audio, input', 'gpt-audio-mini-2025-12-15'],
  ['ft:gpt-4o-mini-2024-07-18:acme, input', 'ft:gpt-4o-mini-2024-07-18:acme'],
  ['web search tool calls', '*'],
  ['Vector storage', '*'],
])('OpenAI: %s is of the model %s', (item, model) => {
  expect(readJson(openai, bucket(openaiResult('"1"', JSON.stringify(item))))[0]?.[1]).toMatchObject(
    { model },
  );
});

test('OpenAI: an amount of more digits than a float has is read whole', () => {
  const page = bucket(openaiResult('12345678901.123456789', '"x"'));
  expect(readJson(openai, page)[0]?.[1]).toMatchObject({ amount: '12345678901.123456789' });
});

const anthropicPage = (result: string, start = '2026-10-01T00:00:00Z'): string =>
  `{"data":[{"starting_at":"${start}","ending_at":"2026-10-02T00:00:00Z","results":[${result}]}],"has_more":true,"next_page":"x"}`;
const claude =
  '{"amount":"123.78912","currency":"USD","model":"claude-sonnet-4-5-20250929","description":"Claude Sonnet 4.5 Usage - Input Tokens","cost_type":"tokens"}';

test('Anthropic: amounts are cents; what names no model is of any', () => {
  expect(readJson(anthropic, anthropicPage(claude))).toEqual([
    [
      'data[0].results[0]',
      {
        day: '2026-10-01',
        account: '',
        model: 'claude-sonnet-4-5-20250929',
        item: 'Claude Sonnet 4.5 Usage - Input Tokens',
        quantity: '0',
        unit: '',
        amount: '1.2378912',
        isFinal: null,
      },
    ],
  ]);
  const search =
    '{"amount":"10","currency":"USD","model":null,"description":"Web Search Usage","cost_type":"web_search"}';
  expect(readJson(anthropic, anthropicPage(search))[0]?.[1]).toMatchObject({
    model: '*',
    amount: '0.1',
  });
  const page = parseNumbersAsText(anthropicPage(claude));
  expect(isObject(page) && anthropic.hasMore(page)).toBe(true);
});

test.each([
  [openai, '{"error":{"message":"no"}}', 'data'],
  [openai, bucket('7'), 'results'],
  [openai, bucket('{"amount":{"currency":"usd"}}'), 'amount.value'],
  [openai, bucket('{"amount":{"value":1,"currency":"eur"}}'), 'amount.currency'],
  [openai, bucket(openaiResult('1', 'null')).replace('1790812800', '1790812801'), 'start_time'],
  [anthropic, '{}', 'data'],
  [anthropic, anthropicPage('null'), 'results'],
  [anthropic, anthropicPage('{"amount":"much","currency":"USD"}'), 'amount'],
  [anthropic, anthropicPage('{"amount":"1"}'), 'currency'],
  [anthropic, anthropicPage(claude, 'monday'), 'starting_at'],
])('$name: what is wrong is named (%#)', (format, text, field) => {
  expect(readJson(format, text)[0]?.[1]).toMatchObject({ kind: 'bad', field });
});

const cur = {
  bill_invoice_id: '',
  line_item_usage_account_id: '123456789012',
  line_item_line_item_type: 'Usage',
  line_item_usage_start_date: '2026-10-01T13:00:00.000Z',
  line_item_product_code: 'AmazonBedrock',
  line_item_usage_type: 'USE1-Claude4Sonnet-input-tokens',
  line_item_usage_amount: '12.5',
  line_item_unblended_cost: '3.75E-2',
  line_item_currency_code: 'USD',
  pricing_unit: '1K tokens',
};
const focusRow = {
  BilledCost: '1.5',
  BillingCurrency: 'USD',
  BillingAccountId: 'payer',
  SubAccountId: 'sub',
  ChargePeriodStart: '2026-10-01T00:00:00Z',
  ChargeCategory: 'Usage',
  ServiceCategory: 'AI and Machine Learning',
  ConsumedQuantity: '3',
  ConsumedUnit: 'Tokens',
  SkuMeter: 'Input',
  SkuPriceDetails: '{"ModelId":"m-1"}',
  InvoiceId: 'i-1',
};
const azureRow = {
  date: '10/01/2026',
  costinbillingcurrency: '0.25',
  billingcurrency: 'USD',
  subscriptionid: 'ABC-1',
  metercategory: 'Foundry Models',
  metersubcategory: 'Azure OpenAI',
  metername: 'gpt-4o-0806-Inp-glbl Tokens',
  quantity: '2',
  unitofmeasure: '1K',
};

// oxfmt-ignore
test.each([
  [awsCur, cur, { day: '2026-10-01', account: '123456789012', model: '*', item: 'USE1-Claude4Sonnet-input-tokens', quantity: '12.5', unit: '1K tokens', amount: '0.0375', isFinal: false }],
  [awsCur, { ...cur, bill_invoice_id: '7', line_item_net_unblended_cost: '0.03' }, { amount: '0.03', isFinal: true }],
  [awsCur, { ...cur, line_item_product_code: 'x9', line_item_line_item_description: 'Claude (Amazon Bedrock Edition)' }, { amount: '0.0375' }],
  [focus, focusRow, { day: '2026-10-01', account: 'sub', model: 'm-1', item: 'Input', quantity: '3', unit: 'Tokens', amount: '1.5', isFinal: true }],
  [focus, { ...focusRow, SubAccountId: '', InvoiceId: '', SkuPriceDetails: '' }, { account: 'payer', model: '*', isFinal: false }],
  [azure, azureRow, { day: '2026-10-01', account: 'abc-1', model: '*', item: 'Azure OpenAI gpt-4o-0806-Inp-glbl Tokens', quantity: '2', unit: '1K', amount: '0.25', isFinal: null }],
  [azure, { ...azureRow, metercategory: '', consumedservice: 'Microsoft.CognitiveServices', invoiceid: 'G1' }, { isFinal: true }],
  [awsCur, { ...cur, line_item_product_code: 'AmazonEC2' }, { kind: 'other' }],
  [awsCur, { ...cur, line_item_line_item_type: 'Tax' }, { kind: 'other' }],
  [focus, { ...focusRow, ServiceCategory: 'Compute' }, { kind: 'other' }],
  [focus, { ...focusRow, ChargeCategory: 'Tax' }, { kind: 'other' }],
  [azure, { ...azureRow, metercategory: 'Storage' }, { kind: 'other' }],
  [awsCur, { ...cur, line_item_usage_start_date: '' }, { kind: 'bad', field: 'line_item_usage_start_date' }],
  [awsCur, { ...cur, line_item_unblended_cost: '1,5' }, { kind: 'bad', field: 'line_item_unblended_cost' }],
  [awsCur, { ...cur, line_item_currency_code: 'CNY' }, { kind: 'bad', field: 'line_item_currency_code' }],
  [focus, { ...focusRow, ChargePeriodStart: 'x' }, { kind: 'bad', field: 'ChargePeriodStart' }],
  [focus, { ...focusRow, BilledCost: '' }, { kind: 'bad', field: 'BilledCost' }],
  [focus, { ...focusRow, BillingCurrency: 'EUR' }, { kind: 'bad', field: 'BillingCurrency' }],
  [azure, { ...azureRow, date: '2026' }, { kind: 'bad', field: 'date' }],
  [azure, { ...azureRow, costinbillingcurrency: 'NaN' }, { kind: 'bad', field: 'costinbillingcurrency' }],
  [azure, { ...azureRow, billingcurrency: 'EUR' }, { kind: 'bad', field: 'billingcurrency' }],
] as const)('$name: row %# is read as documented, or what is wrong is named', (format, row, expected) => {
  expect(shown(format.read(row))).toMatchObject(expected);
});

test.each([
  [awsCur, 'lineItem/UsageStartDate', 'line_item_usage_start_date'],
  [awsCur, 'lineItem/LineItemDescription', 'line_item_line_item_description'],
  [awsCur, 'bill/InvoiceId', 'bill_invoice_id'],
  [awsCur, 'line_item_unblended_cost', 'line_item_unblended_cost'],
  [azure, 'SubscriptionGuid', 'subscriptionid'],
  [azure, 'CostInBillingCurrency', 'costinbillingcurrency'],
  [focus, 'BilledCost ', 'BilledCost'],
] as readonly (readonly [CsvFormat, string, string])[])(
  '$name: the column %s',
  (format, header, name) => {
    expect(format.column(header)).toBe(name);
  },
);

test('every format is found by its name, and says what it is', () => {
  for (const [name, format] of billFormats) {
    const one: BillFormat = format;
    expect([one.name, one.about === '']).toEqual([name, false]);
  }
  expect(billFormats.size).toBe(5);
});
