import { parseObject, textAt } from '../model/json.ts';
import { anyModel, bad, type CsvFormat, type CsvRow, type ReadLine } from './bill.ts';
import { dayOfText } from './day.ts';
import { decimalOf, noAmount } from './decimal.ts';

/** Providers that name a model do so among the details of its price. */
const modelOf = (details: string): string => {
  const properties = parseObject(details);
  return properties === null
    ? anyModel
    : (textAt(properties, 'ModelId') ?? textAt(properties, 'x_ModelId') ?? anyModel);
};

const read = (row: CsvRow): ReadLine => {
  if (row['ServiceCategory'] !== 'AI and Machine Learning' || row['ChargeCategory'] === 'Tax')
    return { kind: 'other' };
  const day = dayOfText(row['ChargePeriodStart'] ?? '');
  if (day === null) return bad('ChargePeriodStart', 'is no time of UTC');
  const amount = decimalOf(row['BilledCost'] ?? '');
  if (amount === null) return bad('BilledCost', 'is no decimal number');
  if (row['BillingCurrency'] !== 'USD') return bad('BillingCurrency', 'is not USD');
  const invoice = row['InvoiceId'];
  const subAccount = row['SubAccountId'] ?? '';
  return {
    kind: 'line',
    line: {
      day,
      account: subAccount === '' ? (row['BillingAccountId'] ?? '') : subAccount,
      model: modelOf(row['SkuPriceDetails'] ?? ''),
      item: row['SkuMeter'] ?? row['ChargeDescription'] ?? '',
      quantity: decimalOf(row['ConsumedQuantity'] ?? '') ?? noAmount,
      unit: row['ConsumedUnit'] ?? '',
      amount,
      isFinal: invoice === undefined ? null : invoice !== '',
    },
  };
};

/**
 * Bills in the columns of FOCUS 1.x, by the day or finer: lines of the service category of AI. Whose they are must be said, because one file
 * may hold several providers under names of their own. `InvoiceId` (1.2) stands there when a line is invoiced.
 * https://focus.finops.org/focus-specification/v1-2/
 */
export const focus: CsvFormat = {
  name: 'focus',
  kind: 'csv',
  provider: null,
  about: 'bills in the columns of FOCUS 1.x',
  needs: [
    'BilledCost',
    'BillingCurrency',
    'BillingAccountId',
    'ChargePeriodStart',
    'ChargeCategory',
    'ServiceCategory',
  ],
  column: (header) => header.trim(),
  read,
};
