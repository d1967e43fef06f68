/** Every query of docs/finops.md on the real engine, as a reader, against answers worked out here from the calls themselves. */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import {
  calls,
  costOf,
  costOfCall,
  dayOf,
  dayText,
  daysAgo,
  insertCalls,
  monthOf,
  monthsAgo,
  sumOf,
  today,
  usdText,
  wasteOfCall,
  type Call,
  type Try,
} from './ledger.ts';
import { page, questions } from './page.ts';

let engine: FakeClickhouse;
let client: ClickHouseClient;

beforeAll(async () => {
  engine = await startClickhouse();
  const { url, user, password, reader } = engine;
  const writer = createClient({ url, username: user, password });
  await writer.insert({
    table: 'tollgate.allocation_tags',
    values: [{ tag: 'feature' }],
    format: 'JSONEachRow',
  });
  await writer.close();
  // Several inserts, so that sums are spread over parts.
  const third = Math.ceil(calls.length / 3);
  for (const part of [0, 1, 2])
    await insertCalls(engine, calls.slice(part * third, (part + 1) * third), `part-${part}`);
  client = createClient({ url, username: reader.user, password: reader.password });
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
});

const Answer = Compile(Type.Object({ data: Type.Array(Type.Array(Type.Unknown())) }));

const ask = async (sql: string): Promise<unknown[][]> => {
  const reply = await client.query({
    // The page asks about the days up to now, the calls are those up to a day that is known.
    query: sql.replaceAll('today()', `toDate('${dayText(today)}')`),
    format: 'JSONCompact',
    clickhouse_settings: {
      output_format_json_quote_decimals: 1,
      output_format_json_quote_64bit_integers: 0,
    },
  });
  const answer: unknown = await reply.json();
  if (!Answer.Check(answer)) throw new Error(`no answer to ${sql}`);
  return answer.data;
};

/** As ClickHouse writes a Decimal. */
const usd = (pico: bigint): string => usdText(pico).replace(/\.?0+$/, '');
const share = (part: number, of: number): number => Math.round((1000 * part) / of) / 10;

const groups = <T>(all: readonly T[], keyOf: (one: T) => string): ReadonlyMap<string, T[]> => {
  const found = new Map<string, T[]>();
  for (const one of all) found.set(keyOf(one), [...(found.get(keyOf(one)) ?? []), one]);
  return found;
};
const isCall = ({ entry }: Call): boolean => entry === 'call';
const count = <T>(all: readonly T[], of: (one: T) => boolean): number => all.filter(of).length;
const tokensIn = ({ input, cached }: Try): number => input + cached;
const total = (all: readonly Try[], of: (one: Try) => number): number =>
  all.reduce((sum, one) => sum + of(one), 0);
const cost = (all: readonly Call[]): bigint => sumOf(all, costOfCall);

/** Attempts with the calls that they are of. */
const triesOf = (all: readonly Call[]) =>
  all.flatMap((call) => call.tries.map((one) => ({ ...one, call })));

const until = (call: Call): boolean => dayOf(call) <= dayText(today);
const since = (start: Date): readonly Call[] =>
  calls.filter((call) => dayOf(call) >= dayText(start) && until(call));
const thisMonth = since(monthsAgo(0));
const bounds = { thisMonth: triesOf(thisMonth) };

/** Rows as text, in an order of their own: for questions that leave the order of equals open. */
const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row)).sort();

const top = (
  rows: readonly (readonly [bigint, ...unknown[]])[],
  limit: number,
): readonly (readonly unknown[])[] =>
  rows
    .toSorted(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0))
    .slice(0, limit)
    .map(([, ...row]) => row);

const effects = () => {
  const [later, earlier] = [monthsAgo(1), monthsAgo(2)];
  const lines = triesOf(calls).filter(({ call }) => monthOf(call) < dayText(monthsAgo(0)));
  const isLater = ({ call }: { readonly call: Call }) => monthOf(call) === dayText(later);
  const isEarlier = ({ call }: { readonly call: Call }) => monthOf(call) === dayText(earlier);
  const sums = (all: typeof lines) => ({
    cost: Number(sumOf(all, costOf)) / 1e12,
    tokens: total(all, (one) => tokensIn(one) + one.output),
  });
  const whole = { now: sums(lines.filter(isLater)), before: sums(lines.filter(isEarlier)) };
  return [...groups(lines, ({ model }) => model)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([model, own]) => {
      const [now, before] = [sums(own.filter(isLater)), sums(own.filter(isEarlier))];
      const change = now.cost - before.cost;
      const price = now.cost - (before.cost * now.tokens) / before.tokens;
      const volume = before.cost * (whole.now.tokens / whole.before.tokens - 1);
      return [model, change, price, volume, change - price - volume];
    });
};

const forecast = () => {
  const start = new Date(Math.min(monthsAgo(0).getTime(), daysAgo(7).getTime()));
  const lines = since(start).filter((call) => dayOf(call) < dayText(today));
  const daysLeft = Math.round((monthsAgo(-1).getTime() - today.getTime()) / 86_400_000);
  return [...groups(lines, ({ team }) => team)].map(([team, own]) => {
    const soFar = cost(own.filter((call) => dayOf(call) >= dayText(monthsAgo(0))));
    const aDay = cost(own.filter((call) => dayOf(call) >= dayText(daysAgo(7)))) / 7n;
    return [team, usd(soFar), usd(aDay), usd(soFar + aDay * BigInt(daysLeft))];
  });
};

const strangeHours = () => {
  const weekday = daysAgo(1).getUTCDay();
  const lines = since(daysAgo(29)).filter(
    (call) => dayOf(call) < dayText(today) && call.at.getUTCDay() === weekday,
  );
  const by = groups(lines, ({ team, at }) => `${team}/${at.getUTCHours()}`);
  return [...by].flatMap(([key, own]) => {
    const [team = '', hour = ''] = key.split('/');
    const spent = cost(own.filter((call) => dayOf(call) === dayText(daysAgo(1))));
    const usual = cost(own.filter((call) => dayOf(call) !== dayText(daysAgo(1)))) / 4n;
    const strange = spent > 3n * usual && spent > 50_000_000_000n;
    return strange ? [[team, Number(hour), usd(spent), usd(usual)]] : [];
  });
};

/** The answer to each question, by its number. */
const answers: Readonly<Record<number, () => readonly (readonly unknown[])[]>> = {
  1: () =>
    [...groups(since(monthsAgo(2)), (call) => `${call.billingMonth}/${call.team}`)].map(
      ([key, own]) => [...key.split('/'), usd(cost(own))],
    ),
  2: () =>
    top(
      [...groups(thisMonth, ({ key }) => key)].map(([key, own]) => [
        cost(own),
        own[0]?.team,
        own[0]?.app,
        key,
        usd(cost(own)),
      ]),
      20,
    ),
  3: () =>
    [...groups(thisMonth, ({ agent }) => agent)]
      .filter(([agent]) => agent !== '')
      .map(([agent, own]) => [
        agent,
        count(own, isCall),
        usd(cost(own)),
        usd(cost(own) / BigInt(count(own, isCall))),
      ]),
  4: () =>
    top(
      [...groups(thisMonth, ({ session }) => session)]
        .filter(([session]) => session !== '')
        .map(([session, own]) => [
          cost(own),
          session,
          own
            .map(({ at }) => at.toISOString().replace('T', ' ').replace('Z', ''))
            .toSorted()
            .at(0),
          count(own, isCall),
          usd(cost(own)),
          usd(sumOf(own, wasteOfCall)),
        ]),
      20,
    ),
  5: () =>
    top(
      [...groups(thisMonth, ({ user }) => user)]
        .filter(([user]) => user !== '')
        .map(([user, own]) => [cost(own), user, count(own, isCall), usd(cost(own))]),
      20,
    ),
  6: () =>
    [
      ...groups(
        thisMonth,
        ({ namespace, environment, costCenter }) =>
          `${namespace}/${environment}/${costCenter || 'none'}`,
      ),
    ].map(([key, own]) => [...key.split('/'), usd(cost(own))]),
  7: () =>
    [...groups(thisMonth, ({ tags }) => tags['feature'] ?? '')]
      .filter(([feature]) => feature !== '')
      .map(([feature, own]) => [feature, count(own, isCall), usd(cost(own))]),
  8: () =>
    [...groups(bounds.thisMonth, ({ provider, model }) => `${provider}/${model}`)].map(
      ([key, own]) => {
        const [input, output] = [total(own, tokensIn), total(own, (one) => one.output)];
        const spent = sumOf(own, costOf);
        return [
          ...key.split('/'),
          input,
          output,
          usd(spent),
          usd((spent * 1_000_000n) / BigInt(input + output)),
        ];
      },
    ),
  9: () =>
    [
      ...groups(
        bounds.thisMonth,
        ({ provider, account, call }) => `${provider}/${account}/${dayOf(call)}`,
      ),
    ].map(([key, own]) => [...key.split('/'), usd(sumOf(own, costOf))]),
  11: () =>
    [...groups(bounds.thisMonth, ({ waste }) => waste)]
      .filter(([waste]) => waste !== '')
      .map(([waste, own]) => [
        waste,
        count(own, ({ call }) => isCall(call)),
        usd(sumOf(own, costOf)),
      ]),
  13: forecast,
  14: strangeHours,
  15: () =>
    [...groups(thisMonth, ({ team }) => team)].map(([team, own]) => {
      const tries = own.flatMap((call) => call.tries);
      const [read, all] = [total(tries, ({ cached }) => cached), total(tries, tokensIn)];
      return [team, usd(sumOf(own, ({ cacheSaved }) => cacheSaved)), read, all, share(read, all)];
    }),
  16: () =>
    [...groups(thisMonth, ({ tries }) => tries.at(-1)?.provider ?? '')]
      .filter(([provider]) => provider !== '')
      .map(([provider, own]) => {
        const saved = sumOf(own, ({ tries }) => sumOf(tries, ({ discount }) => discount));
        return [provider, usd(cost(own) + saved), usd(cost(own)), usd(saved)];
      }),
  17: () =>
    [...groups(bounds.thisMonth, ({ model, tier }) => `${model}/${tier || 'standard'}`)].map(
      ([key, own]) => [
        ...key.split('/'),
        count(own, ({ call }) => isCall(call)),
        usd(sumOf(own, costOf)),
      ],
    ),
  18: () =>
    [...groups(thisMonth, ({ team }) => team)].map(([team, own]) => {
      const answered = count(own, (call) => isCall(call) && call.outcome === 'answered');
      const users = new Set(own.map(({ user }) => user).filter((user) => user !== '')).size;
      return [
        team,
        usd(cost(own)),
        answered,
        users,
        usd(cost(own) / BigInt(answered)),
        usd((cost(own) * 1000n) / BigInt(users)),
      ];
    }),
  19: () => {
    const own = thisMonth.filter(isCall);
    const unpriced = ({ tries }: Call) => tries.some((one) => one.priceStatus === 'unpriced');
    const estimated = ({ tries }: Call) => tries.some((one) => one.usageSource === 'estimated');
    return [
      [
        own.length,
        count(own, unpriced),
        count(own, estimated),
        usd(cost(thisMonth)),
        usd(cost(thisMonth.filter(estimated))),
      ],
    ];
  },
  20: () =>
    [
      ...groups(
        thisMonth.filter(({ outcome }) => outcome === 'answered'),
        ({ app }) => app,
      ),
    ].map(([app, all]) => {
      const own = all.filter(isCall);
      const isCut = ({ finish }: Call) => finish === 'length';
      return [
        app,
        count(own, isCut),
        own.length,
        share(count(own, isCut), own.length),
        usd(cost(all.filter(isCut))),
      ];
    }),
  21: () =>
    [
      ...groups(
        thisMonth.filter((call) => !isCall(call)),
        ({ billingMonth }) => billingMonth,
      ),
    ].map(([month, own]) => {
      const discount = sumOf(own, ({ tries }) => sumOf(tries, (one) => one.discount));
      return [month, 'run-1', 'rerate', own.length, usd(cost(own)), usd(cost(own) + discount)];
    }),
};

test('the page asks twenty questions and some more, each with its query', () => {
  expect(questions.length).toBeGreaterThan(20);
  expect(questions.map(({ number }) => number)).toEqual(questions.map((_, i) => i + 1));
  expect(page).toContain('## Twenty questions');
});

describe.each(questions.filter(({ number }) => number in answers))(
  'question $number: $title',
  ({ number, sql }) => {
    test('is answered exactly', async () => {
      const expected = answers[number]?.() ?? [];
      expect(expected.length).toBeGreaterThan(0);
      expect(sorted(await ask(sql))).toEqual(sorted(expected));
    });
  },
);

/** A bill of one account for one day that nobody called on, and one that says too little. */
const bills = `INSERT INTO tollgate.provider_bills (provider, day, account, model, is_final, report, amount_usd) VALUES
  ('openai', '${dayText(daysAgo(2))}', 'nobody', 'gpt-5', true, repeat('a', 64), 2), ('openai', '${dayText(daysAgo(1))}', 'nobody', 'gpt-5', true, repeat('a', 64), 0.001)`;

test('22. what a bill has and the ledger has not, and the other way round, the greatest first', async () => {
  const { url, user, password } = engine;
  const writer = createClient({ url, username: user, password });
  await writer.command({ query: bills });
  await writer.command({
    query:
      "INSERT INTO tollgate.bill_reports (report, provider) VALUES (repeat('a', 64), 'openai')",
  });
  await writer.close();
  const rows = await ask(question(22));
  expect(rows[0]).toEqual([
    dayText(daysAgo(2)),
    'openai',
    'nobody',
    'gpt-5',
    'missing_in_ledger',
    '0',
    '2',
    '-2',
    0,
    0,
  ]);
  // The second one is less than a cent.
  expect(rows.filter(([, , account]) => account === 'nobody')).toHaveLength(1);
  const paid = rows.filter(([, , , , verdict]) => verdict === 'missing_in_bill');
  const own = bounds.thisMonth.filter(({ provider }) => provider === 'openai');
  const lines = groups(own, ({ account, model, call }) => `${account}/${model}/${dayOf(call)}`);
  const expected = [...lines].filter(
    ([, all]) =>
      sumOf(all, costOf) !== 0n ||
      all.some((one) => one.priceStatus === 'unpriced' && isCall(one.call)),
  );
  expect(
    sorted(paid.map(([day, , account, model, , cost]) => [[account, model, day].join('/'), cost])),
  ).toEqual(sorted(expected.map(([key, all]) => [key, usd(sumOf(all, costOf))])));
});

const question = (wanted: number): string => {
  const found = questions.find(({ number }) => number === wanted);
  if (found === undefined) throw new Error(`no question ${wanted}`);
  return found.sql;
};

test('10. the dearest runs are told with their agents and how long they took', async () => {
  const rows = await ask(question(10));
  const runs = groups(since(monthsAgo(2)), ({ trace }) => trace);
  const expected = top(
    [...runs].map(([trace, own]) => [cost(own), trace, count(own, isCall), usd(cost(own))]),
    10,
  );
  expect(rows.map(([trace, , n, spent]) => [trace, n, spent])).toEqual(expected);
  for (const [trace, agent, , , seconds] of rows) {
    const own = runs.get(String(trace)) ?? [];
    expect(own.map((call) => call.agent)).toContain(agent);
    const at = own.map((call) => call.at.getTime());
    expect(Number(seconds)).toBeCloseTo((Math.max(...at) - Math.min(...at)) / 1000, 3);
  }
});

test('12. price, volume and mix of a change add up to it, model by model', async () => {
  const rows = await ask(question(12));
  const expected = effects();
  expect(expected.length).toBeGreaterThan(2);
  expect(rows.map(([model]) => model)).toEqual(expected.map(([model]) => model));
  for (const [i, row] of rows.entries())
    for (const [j, value] of row.slice(1).entries())
      expect(Number(value)).toBeCloseTo(Number(expected[i]?.[j + 1]), 9);
});

test('rankings begin with the dearest', async () => {
  for (const [number, column] of [
    [2, 3],
    [3, 2],
    [4, 3],
    [5, 2],
    [7, 2],
    [8, 4],
    [10, 3],
    [11, 2],
    [13, 3],
  ] as const) {
    const money = (await ask(question(number))).map((row) => Number(row[column]));
    expect(money, `question ${number}`).toEqual(money.toSorted((a, b) => b - a));
  }
});

test('the hours that were unlike the others hold the loop of yesterday', async () => {
  const rows = await ask(question(14));
  expect(rows[0]?.slice(0, 2)).toEqual(['risk', 13]);
});

test('every column that the page names in its tables exists', async () => {
  const rows = await ask(
    "SELECT DISTINCT name FROM system.columns WHERE database = 'tollgate' UNION DISTINCT SELECT name FROM system.tables WHERE database = 'tollgate'",
  );
  const known = new Set(rows.map(([name]) => String(name)));
  const cells = [...page.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(?:tollgate\.)?(\w+)`/g)].map(([, name = '']) => name),
  );
  expect(cells.length).toBeGreaterThan(10);
  expect(cells.filter((name) => !known.has(name))).toEqual([]);
});

test('23. months that are closed or being closed, and none that was given up', async () => {
  const { url, user, password } = engine;
  const writer = createClient({ url, username: user, password });
  await writer.command({
    query: `INSERT INTO tollgate.month_closes (month, state, rows, cost_usd, discount_usd, sha256, updated_at) VALUES
      ('2026-01-01', 'closing', 0, 0, 0, '', '2026-02-01 00:00:00'), ('2026-01-01', 'closed', 7, 1.5, 0.25, repeat('a', 64), '2026-02-01 00:00:01'),
      ('2026-02-01', 'closing', 0, 0, 0, '', '2026-03-01 00:00:00'), ('2026-02-01', 'open', 0, 0, 0, '', '2026-03-01 00:00:01')`,
  });
  await writer.close();
  expect(await ask(question(23))).toEqual([
    ['2026-01-01', 'closed', 7, '1.5', '0.25', 'a'.repeat(64)],
  ]);
});
