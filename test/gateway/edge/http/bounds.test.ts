import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { readConfig } from '../../../../gateway/src/edge/config/read.ts';
import { setBounds } from '../../../../gateway/src/edge/http/bounds.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';

test('a server has the bounds of the configuration that it was last given', async () => {
  const read = await readConfig({ path: null, env: {}, providers });
  if (read.kind === 'bad') throw new Error('the built-in configuration is good');
  const { config } = read;
  const server = createServer();
  const bounds = () => [
    server.maxConnections,
    server.requestTimeout,
    server.headersTimeout,
    server.timeout,
  ];
  setBounds(server, config);
  expect(bounds()).toEqual([20_000, 90_000, 60_000, 4 * (900_000 + 5000) + 10_000]);
  setBounds(server, {
    ...config,
    limits: { ...config.limits, connections: 5, requestMs: 1000 },
    retry: { ...config.retry, triesPerCall: 1, backoffMaxMs: 1 },
  });
  expect(bounds()).toEqual([5, 31_000, 31_000, 900_001 + 10_000]);
});
