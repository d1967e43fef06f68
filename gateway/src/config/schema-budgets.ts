/** What an entry of `budgets` is made of, and the limits of a key. The control plane takes the same fields. */
import { Type } from 'typebox';
import { closed, duration, name } from '@tollgate/settings/fields.ts';
import { budgetUnits, calendarPeriods } from '../model/budget.ts';

const value = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^[^\\u0000-\\u001f\\u007f]{1,256}$',
      title: 'text of 1 to 256 characters on one line',
      description,
    }),
  );

const Scope = Type.Object(
  {
    organization: value('Of the key.'),
    team: value('Of the key.'),
    application: value('Of the key.'),
    key: value('The id of a key.'),
    namespace: value('Of the key.'),
    environment: value('Of the key.'),
    costCenter: value('Of the key.'),
    user: value('The end user that the client names (`x-tollgate-user`).'),
    agent: value('The agent that the client names (`x-tollgate-agent`).'),
    session: value('The conversation that the client names (`x-tollgate-session`).'),
    trace: value('The id of the trace; of use with `*` only.'),
    model: value(
      'The name that the client asks for, or that of a model which may be asked in its place.',
    ),
    tag: value('A tag of the call (`x-tollgate-tags`), as `name=value` or `name=*`.'),
  },
  {
    ...closed,
    title: 'a map such as { team: search }',
    description:
      'Whose calls count: all fields must hold. `*` stands for each value, and each has an account of its own; calls that do not say it do not count. Left out: every call.',
  },
);

const count = (description: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      title: 'a whole number of at least 1',
      description,
    }),
  );

/** Limits of one key: short for budgets of its own. */
export const KeyLimits = Type.Object(
  {
    requestsPerMinute: count('Calls in any minute.'),
    tokensPerMinute: count(
      'Tokens of input and output in any minute. A call counts with the most it may take until it is over, then with what it took.',
    ),
    parallelCalls: count('Calls at once.'),
  },
  { ...closed, title: 'a map of limits', description: 'What this key may take in a short time.' },
);

export const usualThresholds = [0.7, 0.8, 1] as const;

export const Budget = Type.Object(
  {
    id: name('Names the budget in refusals, metrics and logs.'),
    scope: Type.Optional(Scope),
    unit: Type.Enum([...budgetUnits], {
      title: budgetUnits.map((unit) => `'${unit}'`).join(', '),
      description:
        'What is counted: dollars, tokens of input and output, calls, or calls at once (which has no window).',
    }),
    limit: Type.String({
      pattern: '^[0-9]{1,15}(\\.[0-9]{1,12})?$',
      title: 'a number that is not negative; dollars with at most 12 decimals',
      description: 'How much. Dollars are exact: 0.1 is 0.1.',
      decimal: true,
    }),
    window: Type.Optional(
      Type.Enum([...calendarPeriods, 'rolling', 'session', 'trace'], {
        title: "'hour', 'day', 'week', 'month', 'rolling', 'session' or 'trace'",
        description:
          'In which time. Hours are those of UTC; days, weeks (from Monday on) and months those of `timeZone`. `rolling`: the time of `length` before each moment. `session`, `trace`: for each of them, until nothing was heard of it for a day.',
      }),
    ),
    length: Type.Optional(duration(null, 'Of a rolling window.', { least: '1s', most: '744h' })),
    timeZone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        title: "a time zone's name such as Europe/Berlin",
        description: 'Whose calendar counts, by its name in the IANA database. Default: UTC.',
      }),
    ),
    mode: Type.Enum(['hard', 'soft'], {
      title: "'hard' or 'soft'",
      description:
        '`hard`: a call that may come to more than remains is refused before a provider is asked. `soft`: nothing is refused, only told.',
      default: 'hard',
    }),
    thresholds: Type.Array(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 10,
        title: 'a share of the limit such as 0.8',
      }),
      {
        maxItems: 10,
        title: 'a list of shares of the limit',
        description: 'Passing one is told once in a window: log line, metric.',
        default: [...usualThresholds],
      },
    ),
  },
  closed,
);
