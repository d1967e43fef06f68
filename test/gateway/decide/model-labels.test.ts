import { expect, test } from 'vitest';
import { modelLabels, namedModels } from '../../../gateway/src/decide/model-labels.ts';
import { noCharge } from '../../../gateway/src/decide/price.ts';
import type { Attempt, Settlement } from '../../../gateway/src/model/settlement.ts';
import { someAttempt, someCall, someSettlement } from '../model/settlements.ts';

const named = namedModels([
  { name: 'gpt-*', targets: [{ provider: 'openai', model: null }] },
  { name: 'fast', targets: [{ provider: 'openai', model: 'gpt-4o-mini' }] },
  { name: 'own', targets: [{ provider: 'vllm', model: null }] },
]);
type Ending = 'answered' | 'refused' | 'broken' | 'silent, and priced';
const endings: Readonly<Record<Ending, Partial<Attempt>>> = {
  answered: { error: '', status: 200 },
  refused: { error: 'caller', status: 404, charge: noCharge },
  broken: { error: 'network', status: 200, charge: noCharge },
  'silent, and priced': { error: 'timeout', status: 0 },
};
const settlement = (model: string, ending: Ending, keyId = 'a'): Settlement => ({
  ...someSettlement,
  call: { ...someCall, caller: someCall.caller && { ...someCall.caller, keyId } },
  attempts: [{ ...someAttempt, target: { provider: 'openai', model }, ...endings[ending] }],
});
const start = (learned = 100, perKey = 20) => {
  let capped = 0;
  const label = modelLabels(
    () => named,
    () => ({ learned, perKey }),
    () => (capped += 1),
  );
  return {
    label: (of: Settlement) => label(of).attempts[0]?.target.model,
    same: (of: Settlement) => label(of) === of,
    capped: () => capped,
  };
};

test('a name that the configuration says has its label at once; the settlement is left as it is', () => {
  const { same, capped } = start();
  expect(same(settlement('gpt-4o-mini', 'refused'))).toBe(true);
  expect(capped()).toBe(0);
});

test('an invented name has none, however often it is refused; an answered one has it from then on', () => {
  const { label, same, capped } = start();
  for (let i = 0; i < 500; i += 1) expect(label(settlement(`gpt-${i}`, 'refused'))).toBe('other');
  expect(label(settlement('gpt-5', 'answered'))).toBe('gpt-5');
  expect(same(settlement('gpt-5', 'refused', 'b'))).toBe(true);
  expect(capped()).toBe(0);
});

test('a model whose reply broke off, or that costs something, is called in metrics as in the ledger', () => {
  const { label } = start();
  expect(label(settlement('gpt-5', 'broken'))).toBe('gpt-5');
  expect(label(settlement('o3', 'silent, and priced'))).toBe('o3');
});

test('a key brings in so many names, and takes none from others; each one too many is told', () => {
  const { label, capped } = start();
  for (let i = 0; i < 50; i += 1)
    expect(label(settlement(`gpt-${i}`, 'answered', 'hostile'))).toBe(
      i < 20 ? `gpt-${i}` : 'other',
    );
  expect(capped()).toBe(30);
  expect(label(settlement('gpt-real', 'answered', 'honest'))).toBe('gpt-real');
});

test('all keys together bring in so many', () => {
  const { label, capped } = start(3);
  const shown = ['a', 'b', 'c', 'd'].map((keyId) =>
    label(settlement(`gpt-${keyId}`, 'answered', keyId)),
  );
  expect(shown).toEqual(['gpt-a', 'gpt-b', 'gpt-c', 'other']);
  expect(capped()).toBe(1);
});
