import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chargeTypes, tokenTypes } from '../../../gateway/src/contract/ledger.ts';
import { ByteText } from '../../../gateway/src/model/byte-text.ts';
import { noMoney, toPicodollars } from '../../../gateway/src/model/money.ts';
import type { Attempt, Settlement } from '../../../gateway/src/model/settlement.ts';
import { RowTemplates } from '../../../gateway/src/projections/row-template.ts';
import { putRow, putRowByColumn } from '../../../gateway/src/projections/row.ts';
import { anyAttempt, anySettlement } from '../model/any-settlement.ts';
import { someAttempt, someCall, someSettlement } from '../model/settlements.ts';

const row = (settlement: Settlement, seq: number) => ({ settlement, replica: 'r', seq, chain: '' });
const textOf = (settlement: Settlement, seq: number): { row: string; lasting: string } => {
  const out = new ByteText();
  let lasting = '';
  putRow(out, row(settlement, seq), (json) => (lasting = json.toString()));
  return { row: out.view(0).toString(), lasting };
};

const byColumn = (settlement: Settlement, seq: number): { row: string; lasting: string } => {
  const out = new ByteText();
  let lasting = '';
  putRowByColumn(out, row(settlement, seq), (json) => (lasting = json.toString()));
  return { row: out.view(0).toString(), lasting };
};

test('a row by a template is the row by its columns, in whatever order calls of one caller come', () => {
  const { caller } = someCall;
  const plain = anyAttempt.map(({ usage, charge, ...rest }): Attempt => ({
    ...rest,
    usage: { ...usage, units: {} },
    charge: {
      ...charge,
      costs: { ...charge.costs, other: noMoney },
      unitCosts: {},
      otherUnits: 0,
    },
  }));
  // Of each field few values, so that kinds of calls come again with one of them changed.
  const mixed = fc.tuple(
    anySettlement,
    fc.array(plain, { minLength: 1, maxLength: 3 }),
    fc.infiniteStream(fc.nat(5)),
  );
  fc.assert(
    fc.property(mixed, ([settlement, attempts, picks]) => {
      for (let seq = 1; seq < 30; seq += 1) {
        const [one = someAttempt] = attempts;
        const fields = Object.keys(one).map((name) => {
          const from = attempts[(picks.next().value ?? 0) % attempts.length] ?? one;
          return [name, Reflect.get(from, name)];
        });
        const attempt: Attempt = { ...one, ...Object.fromEntries(fields) };
        const call = { ...settlement.call, caller, id: someCall.id };
        const now = { ...settlement, call, attempts: [attempt] };
        expect(textOf(now, seq)).toEqual(byColumn(now, seq));
      }
    }),
    { numRuns: 60 },
  );
});

/** Every field of a shape, changed. */
const changes: readonly ((settlement: Settlement) => Settlement)[] = [
  (s) => ({ ...s, call: { ...s.call, dialect: 'anthropic' } }),
  (s) => ({ ...s, call: { ...s.call, operation: 'embeddings' } }),
  (s) => ({ ...s, call: { ...s.call, route: 'other-*' } }),
  (s) => ({ ...s, call: { ...s.call, parameters: null } }),
  (s) => ({
    ...s,
    call: { ...s.call, parameters: s.call.parameters && { ...s.call.parameters, model: 'm2' } },
  }),
  (s) => ({
    ...s,
    call: { ...s.call, parameters: s.call.parameters && { ...s.call.parameters, stream: false } },
  }),
  (s) => ({ ...s, outcome: 'abandoned' }),
  (s) => ({ ...s, httpStatus: 499 }),
  (s) => ({ ...s, errorCode: 'internal_error' }),
  (s) => ({ ...s, errorOrigin: 'gateway' }),
  (s) => ({ ...s, streamOutcome: 'cut' }),
  (s) => ({ ...s, cacheStatus: 'miss' }),
  (s) => ({ ...s, priceVersion: 'other' }),
  ...(
    [
      { target: { provider: 'p2', model: 'gpt-4o-mini' } },
      { target: { provider: 'openai', model: 'm2' } },
      { account: 'other' },
      { region: 'us' },
      { modelAnswered: 'other' },
      { usage: { ...someAttempt.usage, serviceTier: 'flex' } },
      { dimensions: { speed: 'fast' } },
      { dimensions: { inference_geo: 'us' } },
      { status: 500 },
      { error: 'server' },
      { finishReason: 'length' },
      { usageSource: 'estimated' },
      { wasteReason: 'failed' },
      { charge: { ...someAttempt.charge, priceId: 'other' } },
      { charge: { ...someAttempt.charge, priceStatus: 'unpriced' } },
      ...tokenTypes.map((type) => ({
        usage: { ...someAttempt.usage, tokens: { ...someAttempt.usage.tokens, [type]: 4711 } },
      })),
      ...chargeTypes.map((type) => ({
        charge: {
          ...someAttempt.charge,
          costs: { ...someAttempt.charge.costs, [type]: toPicodollars(4711n) },
        },
      })),
      { usage: { ...someAttempt.usage, units: { pages: 2 } } },
      { charge: { ...someAttempt.charge, otherUnits: 3 } },
      { charge: { ...someAttempt.charge, unitCosts: { pages: toPicodollars(5n) } } },
    ] satisfies readonly Partial<Attempt>[]
  ).map((change) => (s: Settlement): Settlement => ({
    ...s,
    attempts: s.attempts.map((attempt) => ({ ...attempt, ...change })),
  })),
];

test.each(changes.map((change, i) => [i, change] as const))(
  'a call that differs in one thing (%i) from the one before is not told in its words',
  (_i, change) => {
    const before = textOf(someSettlement, 1);
    const changed = change(someSettlement);
    const after = textOf(changed, 1);
    expect(after).not.toEqual(before);
    expect(after).toEqual(byColumn(changed, 1));
    expect(textOf(someSettlement, 1)).toEqual(before);
  },
);

test('what stays of a row is the beginning of the row, as a list of its own', () => {
  const { row: whole, lasting } = textOf(someSettlement, 1);
  expect(whole.startsWith(`${lasting.slice(0, -1)},`)).toBe(true);
  expect(JSON.parse(lasting)).not.toContain('user-3');
});

test('of one caller so many kinds of calls are remembered', () => {
  const templates = new RowTemplates();
  const kind = (n: number): Settlement => ({ ...someSettlement, httpStatus: n });
  const first = templates.of(row(kind(0), 1));
  expect(templates.of(row(kind(0), 2))).toBe(first);
  for (let n = 1; n < 16; n += 1) templates.of(row(kind(n), 1));
  expect(templates.of(row(kind(0), 3))).toBe(first);
  templates.of(row(kind(16), 1));
  expect(templates.of(row(kind(0), 4))).not.toBe(first);
});
