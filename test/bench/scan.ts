/** `npm run bench -- scan`: the one pass over a body's bytes, beside the JSON.parse that follows it. */
import { scanJson } from '../../gateway/src/model/json-scan.ts';
import { readOptions } from './support/options.ts';
import { publish, table } from './support/report.ts';

const options = {
  ms: { kind: 'number', value: 300, range: [10, 60_000], help: 'time for each body and reader' },
} as const;

const limits = { values: 10_000_000, depth: 256, keys: 10_000 };
const prose = 'The quick brown fox jumps over the lazy dog, and nobody minds. ';
const chat = (turns: number, content: string): string =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    stream: true,
    messages: Array.from({ length: turns }, (_, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      content,
    })),
  });
const tool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather at a place.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', description: 'Its name' }, days: { type: 'integer' } },
      required: ['city'],
    },
  },
};

const bodies: Readonly<Record<string, string>> = {
  'a question': chat(1, prose),
  'eight turns': chat(8, prose.repeat(7)),
  'twenty tools': JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [],
    tools: Array.from({ length: 20 }, () => tool),
  }),
  'escaped code': chat(8, 'if (x) {\n\treturn "a" + "b";\n}\n'.repeat(200)),
  'token ids': JSON.stringify({ input: Array.from({ length: 50_000 }, (_, i) => i) }),
  'empty objects': `{"metadata":[${Array.from({ length: 100_000 }, () => '{}').join(',')}]}`,
};

/** Microseconds of one run: the fastest of five rounds, for other work on the machine only adds. */
const measure = (run: () => unknown, ms: number): number => {
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const startedMs = performance.now();
    let runs = 0;
    for (; performance.now() < startedMs + ms / 5; runs += 1) run();
    best = Math.min(best, ((performance.now() - startedMs) / runs) * 1000);
  }
  return best;
};

export const run = (args: readonly string[]): Promise<void> => {
  const { ms, json } = readOptions(options, args);
  const results = Object.entries(bodies).map(([body, text]) => {
    const bytes = Buffer.from(text);
    const scanUs = measure(() => scanJson(bytes, limits), ms);
    const parseUs = measure(() => JSON.parse(bytes.toString('utf8')) as unknown, ms);
    return { body, bytes: bytes.length, scanUs, parseUs };
  });
  const kib = (us: number, bytes: number): string => ((us * 1024) / bytes).toFixed(2);
  const text = table([
    ['body', 'bytes', 'scan us/KiB', 'JSON.parse us/KiB'],
    ...results.map(({ body, bytes, scanUs, parseUs }) => [
      body,
      String(bytes),
      kib(scanUs, bytes),
      kib(parseUs, bytes),
    ]),
  ]);
  publish('scan', text, { results }, json);
  return Promise.resolve();
};
