import { expect, test } from 'vitest';
import { useOfRow } from '../../../../gateway/src/decide/budgets/from-row.ts';
import { spentBy } from '../../../../gateway/src/decide/budgets/spent.ts';
import { subjectOf } from '../../../../gateway/src/decide/budgets/subject.ts';
import { ByteText } from '../../../../gateway/src/model/byte-text.ts';
import { parseList } from '../../../../gateway/src/model/json.ts';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { putRow } from '../../../../gateway/src/projections/row.ts';
import { someAttempt, someSettlement } from '../../model/settlements.ts';

const rowOf = (settlement: Settlement) => {
  const out = new ByteText();
  putRow(out, { settlement, replica: 'r', seq: 1, chain: '' }, () => {});
  return parseList(out.view(0).toString()) ?? [];
};

const caller = {
  keyId: 'k',
  org: 'o',
  team: 't',
  app: 'a',
  namespace: 'n',
  environment: 'e',
  costCenter: 'c',
  models: null,
};
const identity = { agent: 'g', session: 's', user: 'u', tags: { feature: 'search' } };
const settlement: Settlement = {
  ...someSettlement,
  call: { ...someSettlement.call, caller, identity },
  attempts: [someAttempt, someAttempt],
};

test('a row says of a call what the call said of itself', () => {
  const targets = settlement.attempts.map(({ target }) => target);
  expect(useOfRow(rowOf(settlement))).toEqual({
    subject: subjectOf(settlement.call, caller, settlement.call.parameters?.model ?? '', targets),
    spent: { ...spentBy(settlement.attempts), parallel: 0n },
    startedAtMs: settlement.call.startedAtMs,
  });
});

test('a refused call spent nothing, and what is no row of ours says nothing', () => {
  expect(useOfRow(rowOf({ ...settlement, attempts: [] }))).toBeNull();
  expect(useOfRow([])).toBeNull();
  expect(useOfRow(['x', 1, null])).toBeNull();
});
