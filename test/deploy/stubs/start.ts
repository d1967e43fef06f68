/** `npm start` with the real embedded ClickHouse, and stubs in place of the trace-router and the gateway. */
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
      part.name === 'clickhouse'
        ? part
        : {
            ...part,
            entry: stub,
            env: {
              ...part.env,
              STUB_NAME: part.name,
              STUB_PORT: new URL(part.readyUrl).port,
              ...(env['STUB_FAIL_PART'] === part.name && { STUB_FAIL: 'port 1 is already taken' }),
              ...(env['STUB_STUBBORN_PART'] === part.name && { STUB_STUBBORN: '1' }),
            },
          },
    ),
});
process.exit(code);
