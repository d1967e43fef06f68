import { expect, test } from 'vitest';
import { subjectOf, withWrittenUsers } from '../../../../gateway/src/decide/budgets/subject.ts';
import { budget } from './support.ts';
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

test('an end user is named in a budget as in rows, each one and what is no user as they are', () => {
  const scope = [
    { dimension: 'team', value: 'ada' },
    { dimension: 'user', value: 'ada' },
  ] as const;
  const each = [{ dimension: 'user', value: '*' }] as const;
  const written = withWrittenUsers(
    [budget({ scope }), budget({ scope: each })],
    (name) => `#${name}`,
  );
  expect(written.map((one) => one.scope)).toEqual([
    [scope[0], { dimension: 'user', value: '#ada' }],
    each,
  ]);
});
