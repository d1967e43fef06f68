import { expect, onTestFinished, test } from 'vitest';
import { toldBy } from '../../../../gateway/src/decide/told.ts';
import { startExchange } from '../../../../gateway/src/edge/upstream/exchange.ts';
import { connectionPool } from '../../../../gateway/src/edge/upstream/pools.ts';
import type { Fault } from '../../../../gateway/src/model/fault.ts';
import { json, startScripted, wholeChat } from './scripted.ts';

test("a bug of ours in reading a reply is that attempt's fault, and nobody else's", async () => {
  const upstream = await startScripted(
    (response) => void response.writeHead(200, json).end(wholeChat()),
  );
  const pool = connectionPool({
    origin: upstream.origin,
    connectMs: 5_000,
    maxConnections: 1,
  });
  onTestFinished(async () => {
    await pool.close();
    await upstream.close();
  });
  const exchanged = (onEnd: () => void): Promise<Fault | 'ended'> =>
    new Promise((resolve) => {
      startExchange(
        { pool },
        {
          dialect: 'openai',
          path: '/',
          headers: {},
          body: Buffer.from('{}'),
          told: toldBy(
            (text) => text,
            () => {},
          ),
          maxInflatedBytes: 1e6,
        },
        {
          onSent() {},
          onAlive() {},
          onReply() {},
          onData() {},
          onEnd() {
            onEnd();
            resolve('ended');
          },
          onFault: resolve,
          hasBegun: () => false,
        },
      );
    });
  const [broken, whole] = await Promise.all([
    exchanged(() => {
      throw new Error('a bug');
    }),
    exchanged(() => {}),
  ]);
  expect(broken).toMatchObject({ kind: 'network' });
  expect(whole).toBe('ended');
});
