import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { clickhouseClient } from '../../../../deploy/clickhouse/src/edge/client.ts';
import { insertOnce, type Inserted } from '../../../../deploy/clickhouse/src/edge/insert-once.ts';

interface Asked {
  readonly settings: URLSearchParams;
  readonly body: string;
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A server that answers every insert alike, and one insert sent to it. */
const insertInto = async (
  status: number,
  answer: string,
  rows = ['{"a":1}'],
): Promise<{ readonly inserted: Inserted; readonly asked: readonly Asked[] }> => {
  const asked: Asked[] = [];
  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { searchParams: settings } = new URL(request.url ?? '', 'http://localhost');
    asked.push({ settings, body: await text(request) });
    response.writeHead(status);
    response.end(answer);
  };
  const server = http.createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  const client = clickhouseClient({ url, user: 'u', password: 'p', timeoutMs: 60_000 });
  ends.push(
    () => client.close(),
    () => {
      server.closeAllConnections();
      return once(server.close(), 'close');
    },
  );
  const inserted = await insertOnce(client, {
    query: 'INSERT INTO t FORMAT JSONEachRow',
    rows: rows.map((row) => Buffer.from(row)),
    token: 'token/1',
    settings: { date_time_input_format: 'best_effort', async_insert: 1 },
  });
  return { inserted, asked };
};

const error = (code: number, name: string): string =>
  `Code: ${code}. DB::Exception: Something about it. (${name}) (version 26.7.2.1)\n`;

test.each([
  ['an empty answer', 200, '', 'done'],
  ['an error about the rows', 400, error(469, 'VIOLATED_CONSTRAINT'), 'rows_refused'],
  ['an error of the moment', 500, error(241, 'MEMORY_LIMIT_EXCEEDED'), 'try_again'],
  ['an error of the setup', 403, error(516, 'AUTHENTICATION_FAILED'), 'cannot'],
  ['an error that nobody knows', 500, error(4711, 'NEVER_HEARD'), 'try_again'],
  ['words of somebody in between', 502, '<h1>Bad gateway</h1>', 'try_again'],
  // A server that tells its progress in headers has sent its status before it fails.
  ['an error behind a good status', 200, error(469, 'VIOLATED_CONSTRAINT'), 'rows_refused'],
  ['words behind a good status', 200, 'welcome to the portal', 'try_again'],
])('%s means what it says', async (_what, status, answer, kind) => {
  expect((await insertInto(status, answer)).inserted).toMatchObject({ kind });
});

test('a refusal says which error it is', async () => {
  const { inserted } = await insertInto(400, error(469, 'VIOLATED_CONSTRAINT'));
  expect(inserted).toMatchObject({ message: 'VIOLATED_CONSTRAINT: Something about it.' });
});

test('rows arrive as lines, each once, and under settings that nobody can change', async () => {
  const long = `{"a":"${'ü'.repeat(200_000)}"}`;
  const { asked } = await insertInto(200, '', [long, '{"a":2}\n{"a":3}\n', '{"a":4}']);
  expect(asked).toHaveLength(1);
  const [{ settings, body } = { settings: new URLSearchParams(), body: '' }] = asked;
  expect(body.split('\n')).toEqual([long, '{"a":2}', '{"a":3}', '{"a":4}', '']);
  expect(Object.fromEntries(settings)).toMatchObject({
    insert_deduplication_token: 'token/1',
    insert_deduplicate: '1',
    async_insert: '0',
    input_format_allow_errors_num: '0',
    date_time_input_format: 'best_effort',
  });
});
