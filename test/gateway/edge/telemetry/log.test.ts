import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, test } from 'vitest';
import { callLog, logger } from '../../../../gateway/src/edge/telemetry/log.ts';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { someSettlement } from '../../model/settlements.ts';

const logged = (settlement: Settlement, level = 'info'): unknown[] => {
  const lines: string[] = [];
  const to = { write: (text: string) => void lines.push(text) };
  callLog(logger(level, to), to)(settlement);
  expect(lines.every((line) => line.endsWith('\n'))).toBe(true);
  return lines.map((line): unknown => JSON.parse(line));
};

test('a call is one line: ids, caller, model, outcome and cost, nothing else', () => {
  expect(logged(someSettlement)).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      call_id: '0193549c-d1c0-7000-8000-00000000002a',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      span_id: '00f067aa0ba902b7',
      outcome: 'answered',
      status: 200,
      operation: 'chat',
      team: 'shop',
      app: 'checkout',
      model: 'gpt-4o-mini',
      provider: 'openai',
      attempts: 1,
      duration_ms: 816,
      cost_usd: '0.000345000001',
      msg: 'call',
    },
  ]);
});

test('an error is said with its code, origin and reason, at the level of its outcome', () => {
  const settlement: Settlement = {
    ...someSettlement,
    outcome: 'exhausted',
    errorCode: 'provider_error',
    errorOrigin: 'provider',
    errorMessage: 'it broke',
  };
  expect(logged(settlement)).toMatchObject([
    { level: 'error', error: 'provider_error', origin: 'provider', reason: 'it broke' },
  ]);
});

test('below the level nothing is written', () => {
  expect(logged(someSettlement, 'error')).toEqual([]);
});

test('where several processes write, each line says whose it is', () => {
  const lines: string[] = [];
  const to = { write: (text: string) => void lines.push(text) };
  const log = logger('info', to, 2);
  callLog(log, to, 2)(someSettlement);
  log.warn('a word');
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
    { worker: 2, msg: 'call' },
    { worker: 2, msg: 'a word' },
  ]);
});

test.each(['alone', 'shared'])(
  'a process ends although nobody reads its last line (%s)',
  async (kind) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'log-child.ts'), kind], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    child.stdout.destroy();
    child.stdin.end('now\n');
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
    expect(await ended).toEqual([0, null]);
    clearTimeout(late);
  },
);

test.each(['alone', 'shared'])(
  'the last line of a process is written before it ends (%s)',
  async (kind) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'log-child.ts'), kind], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.stdin.end('now\n');
    await once(child, 'close');
    expect(text).toBe('the last line\n');
  },
);
