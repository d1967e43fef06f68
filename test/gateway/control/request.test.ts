import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { readRequest } from '../../../gateway/src/control/request.ts';

const schema = Type.Object(
  {
    name: Type.String({ minLength: 1, title: 'text' }),
    mode: Type.Optional(Type.Enum(['hard', 'soft'])),
    inner: Type.Optional(
      Type.Object(
        { count: Type.Integer({ minimum: 1, title: 'a whole number' }) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
const paramsOf = (body: unknown) => {
  const read = readRequest(schema, body, { title: 'name' });
  return read.kind === 'ok'
    ? []
    : read.problems.map(({ param, message }) => `${param}: ${message}`);
};

test('a good body is read as it is, and nothing is added', () => {
  expect(readRequest(schema, { name: 'x' })).toEqual({ kind: 'ok', value: { name: 'x' } });
});

test('a name of another gateway is ours, but not beside ours', () => {
  expect(readRequest(schema, { title: 'x' }, { title: 'name' })).toEqual({
    kind: 'ok',
    value: { name: 'x' },
  });
  expect(paramsOf({ title: 'x', name: 'y' })).toEqual([
    "name: 'name' stands there by two names; send one of them.",
  ]);
});

test('every mistake is named with its field, and no value is repeated', () => {
  expect(
    paramsOf({ nmae: 'SECRET', mode: 'SECRET', inner: { count: 0, more: 'SECRET' } }).toSorted(),
  ).toEqual([
    'inner.count: must be a whole number.',
    "inner.more: There is no field 'more'.",
    'mode: must be one of hard, soft.',
    "name: 'name' is missing.",
    "nmae: There is no field 'nmae'. Did you mean 'name'?",
  ]);
});

test.each([[null], [[]], ['x'], [1], [undefined]])('%j is no request', (body) => {
  expect(paramsOf(body)).toEqual([': The body must be a JSON object.']);
});
