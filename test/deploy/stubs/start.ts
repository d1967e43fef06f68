/** `npm start` with stubs in place of the parts; with STUB_REAL_CLICKHOUSE that one is the real one. */
import path from 'node:path';
import { planParts } from '../../../deploy/local/src/parts.ts';
import { start } from '../../../deploy/local/src/start.ts';

const stub = path.join(import.meta.dirname, 'part.ts');
const { env } = process;
const code = await start({
  env,
  root: path.resolve(import.meta.dirname, '../../..'),
  parts: (plan) =>
    planParts(plan).map((part) =>
      part.name === 'clickhouse' && env['STUB_REAL_CLICKHOUSE'] !== undefined
        ? part
        : {
            ...part,
            entry: stub,
            afterReady: null,
            handed: {
              ...part.handed,
              STUB_NAME: part.name,
              STUB_JOURNAL: env['STUB_JOURNAL'] ?? '',
              STUB_PORT: new URL(part.readyUrl).port,
              ...(env['STUB_FAIL_PART'] === part.name && { STUB_FAIL: 'port 1 is already taken' }),
              ...(env['STUB_STUBBORN_PART'] === part.name && { STUB_STUBBORN: '1' }),
              ...(env['STUB_HOLD_PART'] === part.name && { STUB_HOLD: env['STUB_RELEASE'] ?? '' }),
            },
          },
    ),
});
process.exit(code);
