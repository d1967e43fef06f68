import { expect, test } from 'vitest';
import type { Config } from '../../../../gateway/src/config/config.ts';
import { readConfig } from '../../../../gateway/src/edge/config/read.ts';
import { startShared, upstreamsOf } from '../../../../gateway/src/edge/upstream/upstreams.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';

const configOf = async (key: string): Promise<Config> => {
  const read = await readConfig({ path: null, env: { OPENAI_API_KEY: key }, providers });
  if (read.kind === 'bad') throw new Error('the built-in configuration is good');
  return read.config;
};
const origins = new Map([['demo', 'http://127.0.0.1:1']]);

test('another key drops no connection, and a credential that does not expire has one list of tokens for good', async () => {
  const shared = startShared(() => {});
  const before = upstreamsOf(await configOf('sk-one'), origins, shared);
  const after = upstreamsOf(await configOf('sk-two'), origins, shared);
  const [old, fresh] = [before.all.get('openai'), after.all.get('openai')];
  expect(fresh?.credentials.current()).toEqual({ apiKey: 'sk-two' });
  expect(fresh?.pool).toBe(old?.pool);
  await before.release();
  expect(fresh?.pool.closed).toBe(false);
  // Whoever takes credentials out of texts is made anew when the list is another one.
  expect(fresh?.credentials.tokens()).toBe(fresh?.credentials.tokens());
  await after.release();
  expect(old?.pool.closed).toBe(true);
});
