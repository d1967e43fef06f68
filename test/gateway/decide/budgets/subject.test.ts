import { expect, test } from 'vitest';
import { subjectOf } from '../../../../gateway/src/decide/budgets/subject.ts';
import { someSettlement } from '../../model/settlements.ts';

test('a call is what its key says, what its headers say, and all models that it may be sent to', () => {
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
  const { trace } = someSettlement.call;
  const identity = { agent: 'g', session: 's', user: 'u', tags: { x: 'y' } };
  const targets = [
    { provider: 'p', model: 'm1' },
    { provider: 'q', model: 'm2' },
  ];
  expect(subjectOf({ identity, trace }, caller, 'fast', targets)).toEqual({
    organization: 'o',
    team: 't',
    application: 'a',
    key: 'k',
    namespace: 'n',
    environment: 'e',
    costCenter: 'c',
    user: 'u',
    agent: 'g',
    session: 's',
    trace: trace.traceId,
    tags: { x: 'y' },
    models: ['fast', 'm1', 'm2'],
  });
});
