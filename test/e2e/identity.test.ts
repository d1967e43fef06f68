/** On whose behalf a call runs and in which trace: as the client says it, to the row, the spans and the provider. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { startOpenai } from '../fakes/openai.ts';
import { startOtlpSink, type OtlpSink } from '../fakes/otlp-sink.ts';
import { ledgerReader, type LedgerReader } from './ledger-reader.ts';

let clickhouse: FakeClickhouse;
let reader: LedgerReader;
let openai: Fake;
let sink: OtlpSink;
let gateway: RunningGateway;
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  openai = await startOpenai();
  sink = await startOtlpSink('grpc');
  gateway = await startGateway({
    config: twoProviders(
      openai.origin,
      openai.origin,
      'telemetry: { spanDelay: 50ms }\nretry: { backoff: 5ms }\nledger: { segmentAge: 50ms }',
    ),
    clickhouse,
    otlpEndpoint: sink.address,
  });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await reader.close();
  await Promise.all([openai.close(), sink.stop(), clickhouse.stop()]);
});

const ask = (headers: Readonly<Record<string, string>>, script: object = {}): Promise<Response> =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: JSON.stringify({ script }) }],
    }),
  });

interface Row {
  readonly agent: string;
  readonly session_id: string;
  readonly caller_user: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly trace_id: string;
  readonly span_id: string;
  readonly caller_team: string;
  readonly caller_app: string;
  readonly org: string;
  readonly caller_key_id: string;
}

const rowOf = async (reply: Response): Promise<Row> => {
  await reply.text();
  const id = reply.headers.get('x-tollgate-call-id') ?? '';
  const sql = `SELECT agent, session_id, caller_user, tags, trace_id, span_id, caller_team, caller_app, org, caller_key_id
    FROM tollgate.calls WHERE call_id = '${id}'`;
  for (let i = 0; i < 1200; i += 1) {
    const [row] = await reader.query<Row>(sql);
    if (row !== undefined) return row;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no row of ${id}`);
};

interface Span {
  readonly name: string;
  readonly spanId: string;
  readonly parent: string;
  readonly kind: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const hex = (base64: unknown): string =>
  typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString('hex') : '';

/** The spans of a trace once so many are there. */
const spansOf = async (traceId: string, count: number): Promise<readonly Span[]> => {
  const found = () => sink.spans().filter((span) => span.traceId === traceId);
  await eventually(() => found().length >= count, `${count} spans of ${traceId}`);
  return found().map(({ text, spanId }) => {
    const parts: [...unknown[], Record<string, unknown>] = JSON.parse(text);
    const span: Record<string, unknown> = Object.fromEntries(Object.entries(parts.at(-1) ?? {}));
    const list: { key: string; value: Record<string, unknown> }[] = JSON.parse(
      JSON.stringify(span['attributes'] ?? []),
    );
    return {
      name: String(span['name']),
      spanId,
      parent: hex(span['parentSpanId']),
      kind: String(span['kind']),
      attributes: Object.fromEntries(
        list.map(({ key, value }) => [key, Object.values(value)[0]] as const),
      ),
    };
  });
};

const traceId = (n: number): string => `4bf92f3577b34da6a3ce929d0e0e${String(n).padStart(4, '0')}`;
const parentId = '00f067aa0ba902b7';

test("the caller's trace goes on: row, spans and the provider's traceparent are one chain", async () => {
  const id = traceId(1);
  const reply = await ask({
    traceparent: `00-${id}-${parentId}-01`,
    tracestate: 'vendor=value',
  });
  expect(reply.headers.get('x-tollgate-trace-id')).toBe(id);
  const row = await rowOf(reply);
  expect(row.trace_id).toBe(id);
  const spans = await spansOf(id, 2);
  const server = spans.find(({ spanId }) => spanId === row.span_id);
  expect(server).toMatchObject({ name: 'POST /v1/chat/completions', parent: parentId, kind: '2' });
  const client = spans.find(({ kind }) => kind === '3');
  expect(client).toMatchObject({ name: 'chat gpt-4o-mini', parent: row.span_id });
  expect(openai.journal.at(-1)?.headers.traceparent).toBe(`00-${id}-${client?.spanId}-01`);
});

test('each try has a span of its own, and the provider sees which', async () => {
  const id = traceId(2);
  openai.set([{ status: 500 }]);
  const before = openai.journal.length;
  await rowOf(await ask({ traceparent: `00-${id}-${parentId}-00` }));
  const spans = await spansOf(id, 3);
  const tries = spans.filter(({ kind }) => kind === '3').map(({ spanId }) => spanId);
  const seen = openai.journal.slice(before).map(({ headers }) => headers.traceparent);
  expect(seen).toEqual(tries.map((spanId) => `00-${id}-${spanId}-01`));
  expect(new Set(tries).size).toBe(2);
});

test.each([
  ['missing', undefined],
  ['malformed', '00-xyz-00f067aa0ba902b7-01'],
  ['all zero', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
  ['of a forbidden version', `ff-${traceId(3)}-${parentId}-01`],
  ['too long', `00-${traceId(3)}-${parentId}-01-more`],
  ['in capitals', `00-${traceId(3).toUpperCase()}-${parentId}-01`],
])('a traceparent that is %s begins a trace, with a root', async (_, traceparent) => {
  const reply = await ask(traceparent === undefined ? {} : { traceparent });
  const id = reply.headers.get('x-tollgate-trace-id') ?? '';
  expect(id).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
  expect(id).not.toBe(traceId(3));
  const row = await rowOf(reply);
  const spans = await spansOf(id, 2);
  expect(spans.find(({ spanId }) => spanId === row.span_id)?.parent).toBe('');
});

test('headers say agent, session, user and tags: row and spans carry them, beside the key and its team', async () => {
  const id = traceId(4);
  const row = await rowOf(
    await ask({
      traceparent: `00-${id}-${parentId}-01`,
      'x-tollgate-agent': 'planner',
      'x-tollgate-session': 'session-42',
      'x-tollgate-user': 'ada@example.com',
      'x-tollgate-tags': 'feature=search, ticket = T-1 ,empty=,',
    }),
  );
  expect(row).toMatchObject({
    agent: 'planner',
    session_id: 'session-42',
    caller_user: 'ada@example.com',
    tags: { feature: 'search', ticket: 'T-1', empty: '' },
    caller_team: 'shop',
    caller_app: 'checkout',
    org: 'acme',
    caller_key_id: 'test',
  });
  const server = (await spansOf(id, 2)).find(({ spanId }) => spanId === row.span_id);
  const said = JSON.stringify(server?.attributes);
  for (const value of [
    'planner',
    'session-42',
    'ada@example.com',
    'search',
    'T-1',
    'shop',
    'checkout',
  ])
    expect(said).toContain(`"${value}"`);
  expect(server?.attributes).toMatchObject({
    'gen_ai.agent.name': 'planner',
    'gen_ai.conversation.id': 'session-42',
  });
});

test('baggage says the same in the words of OpenTelemetry; headers win; the rest are tags', async () => {
  const baggage =
    'gen_ai.agent.name=writer,session.id=from%20baggage;prop=1,user.id=ada, region = eu%2Dwest ,nonsense,=x';
  const row = await rowOf(await ask({ baggage, 'x-tollgate-user': 'grace' }));
  expect(row).toMatchObject({
    agent: 'writer',
    session_id: 'from baggage',
    caller_user: 'grace',
    tags: { region: 'eu-west' },
  });
});

test('line breaks and quotes hidden in baggage stay inside their value', async () => {
  const row = await rowOf(
    await ask({ baggage: `user.id=a%0Ab%00c%22%27%5C,t=${encodeURIComponent('\u2028é😀')}` }),
  );
  expect(row.caller_user).toBe('a\nb\0c"\'\\');
  expect(row.tags).toEqual({ t: '\u2028é😀' });
});

test.each([
  ['without a value', 'feature', 'x-tollgate-tags'],
  ['without a key', '=search', 'x-tollgate-tags'],
  ['more than sixteen', Array.from({ length: 17 }, (_, i) => `k${i}=v`).join(), 'x-tollgate-tags'],
  ['a key too long', `${'k'.repeat(65)}=v`, 'x-tollgate-tags'],
  ['a value too long', `k=${'v'.repeat(257)}`, 'x-tollgate-tags'],
  ['an agent too long', 'a'.repeat(257), 'x-tollgate-agent'],
  ['a session too long', 'a'.repeat(257), 'x-tollgate-session'],
  ['a user too long', 'a'.repeat(257), 'x-tollgate-user'],
])('%s: 400 that names the header, and no provider is asked', async (_, value, name) => {
  const before = openai.journal.length;
  const reply = await ask({ [name]: value });
  expect(reply.status).toBe(400);
  expect(await reply.json()).toMatchObject({ error: { code: 'invalid_value', param: name } });
  expect(openai.journal.length).toBe(before);
});

test('baggage that is too long is left out, not cut, and harms nothing', async () => {
  const row = await rowOf(await ask({ baggage: `user.id=ada,${'x'.repeat(8200)}=1` }));
  expect(row).toMatchObject({ caller_user: '', tags: {} });
});
