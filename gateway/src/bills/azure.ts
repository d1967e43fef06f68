import { anyModel, bad, type CsvFormat, type CsvRow, type ReadLine } from './bill.ts';
import { dayOfText } from './day.ts';
import { decimalOf, noAmount } from './decimal.ts';

/** Names that enterprise agreements and customer agreements have for the same; letters' case differs between versions. */
const sameAs: Readonly<Record<string, string>> = {
  subscriptionguid: 'subscriptionid',
  billingcurrencycode: 'billingcurrency',
  usagedatetime: 'date',
  usagequantity: 'quantity',
};

const column = (header: string): string => {
  const name = header.trim().toLowerCase();
  return sameAs[name] ?? name;
};

const isOpenai = (row: CsvRow): boolean =>
  row['consumedservice']?.toLowerCase() === 'microsoft.cognitiveservices' ||
  /cognitive services|openai|foundry|azure ai/i.test(row['metercategory'] ?? '');

const read = (row: CsvRow): ReadLine => {
  if (!isOpenai(row) || row['chargetype'] === 'Tax') return { kind: 'other' };
  const day = dayOfText(row['date'] ?? '');
  if (day === null) return bad('date', 'is no day');
  const amount = decimalOf(row['costinbillingcurrency'] ?? '');
  if (amount === null) return bad('costinbillingcurrency', 'is no decimal number');
  if (row['billingcurrency']?.toUpperCase() !== 'USD') return bad('billingcurrency', 'is not USD');
  const invoice = row['invoiceid'];
  return {
    kind: 'line',
    line: {
      day,
      account: (row['subscriptionid'] ?? '').toLowerCase(),
      model: anyModel,
      item: `${row['metersubcategory'] ?? ''} ${row['metername'] ?? ''}`.trim(),
      quantity: decimalOf(row['quantity'] ?? '') ?? noAmount,
      unit: row['unitofmeasure'] ?? '',
      amount,
      isFinal: invoice === undefined ? null : invoice !== '',
    },
  };
};

/**
 * Exports of cost and usage details (actual cost), of enterprise and customer agreements: the meters of Azure OpenAI. A meter is called
 * `gpt-4o-0806-Inp-glbl Tokens`, a deployment as its owner likes, so they name no model that a call could name.
 * https://learn.microsoft.com/en-us/azure/cost-management-billing/dataset-schema/cost-usage-details-mca,
 * https://learn.microsoft.com/en-us/azure/cost-management-billing/dataset-schema/cost-usage-details-ea
 */
export const azure: CsvFormat = {
  name: 'azure',
  kind: 'csv',
  provider: 'azure',
  about: 'exports of cost and usage details of Azure',
  needs: ['date', 'costinbillingcurrency', 'billingcurrency', 'subscriptionid', 'metercategory'],
  column,
  read,
};
