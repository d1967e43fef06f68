/** What a client was told stands in the ledger first: no kill can make another call of it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { crashSettlement } from '../../../../gateway/src/edge/ledger/intent.ts';
import { noMoney, usdText } from '../../../../gateway/src/model/money.ts';
import { noPrices } from '../ledger/support.ts';
import {
  chunkOf,
  doneChunk,
  json,
  sse,
  startScripted,
  usageChunk,
  wholeChat,
} from '../upstream/scripted.ts';
import type { Answering } from '../upstream/scripted.ts';
import { closeAfterEach } from './closing.ts';
import { key, startHarness } from './harness.ts';
import { postText, rawConnection } from './http-client.ts';

const closing = closeAfterEach();

const started = async (answer?: Answering) => {
  const upstream = await startScripted(answer);
  closing.push(() => upstream.close());
  const harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-*: openai }`);
  closing.push(() => harness.close());
  return harness;
};

const asked = (stream: boolean): string =>
  postText({
    path: '/v1/chat/completions',
    key,
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      stream,
      messages: [{ role: 'user', content: 'a question' }],
    }),
  });

/** Long enough for anything that is on its way between two sockets of this process. */
const manyTurns = async (): Promise<void> => {
  for (let turns = 0; turns < 200; turns += 1) await nextTurn();
};

/** A provider whose stream goes on when the test says so. */
const streaming = () => {
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const answer: Answering = async (response) => {
    response.writeHead(200, sse).write(chunkOf({ content: 'hello' }));
    await promise;
    response.end(chunkOf({}, 'stop') + usageChunk + doneChunk);
  };
  return { answer, goOn };
};

describe('a whole reply', () => {
  test('waits for its row, and tells the cost that the row holds', async () => {
    const harness = await started();
    const tellRows = harness.holdRows();
    const client = await rawConnection(harness.port);
    client.write(asked(false));
    await harness.settledCount(1);
    await manyTurns();
    expect(client.received()).toBe('');
    tellRows(true);
    await client.receives('"content":"hello"');
    expect(client.received()).toMatch(/x-tollgate-cost-usd: 0\.0000\d+\r\n/i);
    expect(harness.settlements).toMatchObject([{ outcome: 'answered' }]);
    client.destroy();
  });

  test('is sent without its cost when the disk did not take the row', async () => {
    const harness = await started();
    const tellRows = harness.holdRows();
    const client = await rawConnection(harness.port);
    client.write(asked(false));
    await harness.settledCount(1);
    tellRows(false);
    await client.receives('"content":"hello"');
    expect(client.received()).not.toMatch(/x-tollgate-cost-usd/i);
    client.destroy();
  });

  test('is answered, once, when the client goes while its row is being written', async () => {
    const harness = await started();
    const tellRows = harness.holdRows();
    const client = await rawConnection(harness.port);
    client.write(asked(false));
    await harness.settledCount(1);
    client.destroy();
    await client.closed;
    tellRows(true);
    await manyTurns();
    expect(harness.settlements).toMatchObject([{ outcome: 'answered', attempts: [{}] }]);
  });
});

describe('a whole reply that its client may leave on the way', () => {
  const large: Answering = (response) => {
    response.writeHead(200, json).end(wholeChat('a'.repeat(200_000)));
  };

  test('tells its cost, which is kept before, and is settled when its last bytes are left', async () => {
    const harness = await started(large);
    const tellRows = harness.holdRows();
    const client = await rawConnection(harness.port);
    client.write(asked(false));
    await client.receives('aaaa');
    const [, cost = ''] = /x-tollgate-cost-usd: ([\d.]+)\r\n/i.exec(client.received()) ?? [];
    const kept = harness.written.find((line) => line.includes('"outputTokens":0'));
    if (kept === undefined) throw new Error('nothing was kept');
    const open = { intent: harness.written[0] ?? '', further: [], progress: kept };
    const crashed = crashSettlement({ ...open, sent: true, uncertain: false }, noPrices);
    const [attempt] = crashed.attempts;
    expect(usdText(attempt?.charge.total ?? noMoney)).toBe(cost);
    await harness.settledCount(1);
    tellRows(true);
    await client.receives('"total_tokens"');
    expect(harness.settlements).toMatchObject([{ outcome: 'answered' }]);
    expect(harness.settlements[0]?.attempts[0]?.charge).toEqual(attempt?.charge);
    client.destroy();
  });

  test('tells no cost when the disk does not keep it', async () => {
    const harness = await started((response, received, nth) => {
      harness.spoolTakes(false);
      return large(response, received, nth);
    });
    const client = await rawConnection(harness.port);
    client.write(asked(false));
    await client.receives('"total_tokens"');
    expect(client.received()).not.toMatch(/x-tollgate-cost-usd/i);
    expect(harness.settlements).toMatchObject([{ outcome: 'answered' }]);
    client.destroy();
  });
});

describe('a stream', () => {
  test('ends with an event that waits for its row; what came before has left', async () => {
    const { answer, goOn } = streaming();
    const harness = await started(answer);
    const tellRows = harness.holdRows();
    const client = await rawConnection(harness.port);
    client.write(asked(true));
    await client.receives('"content":"hello"');
    goOn();
    await harness.settledCount(1);
    await manyTurns();
    expect(client.received()).not.toContain('[DONE]');
    tellRows(true);
    await client.receives('data: [DONE]');
    expect(harness.settlements).toMatchObject([{ outcome: 'answered', streamOutcome: 'complete' }]);
    client.destroy();
  });

  test('ends also when the disk did not take its row', async () => {
    const { answer, goOn } = streaming();
    goOn();
    const harness = await started(answer);
    const tellRows = harness.holdRows();
    const client = await rawConnection(harness.port);
    client.write(asked(true));
    await harness.settledCount(1);
    tellRows(false);
    await client.receives('data: [DONE]');
    client.destroy();
  });
});
