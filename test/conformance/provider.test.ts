import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import type { Delta } from '../../gateway/src/model/delta.ts';
import { parseObject } from '../../gateway/src/model/json.ts';
import { noTokens } from '../../gateway/src/model/usage.ts';
import { compatible } from '../../gateway/src/providers/compatible.ts';
import { clientDialects, upstreamDialects } from '../../gateway/src/dialects/registry.ts';
import type { Prepared } from '../../gateway/src/translate/request.ts';
import { prepare, speechOf } from '../gateway/translate/prepared.ts';
import type { Provider } from '../../gateway/src/providers/provider.ts';
import { providers } from '../../gateway/src/providers/registry.ts';

// Every provider that ships is held against its cassettes: files of four parts, divided by lines of dashes.
//   1. what a client of the provider's own dialect sends
//   2. what the provider must get: request line, headers, an empty line, body
//   3. what it answers: status and content type, an empty line, body (written after the vendors' documentation)
//   4. what that means: one delta a line, token classes of 0 left out; of an error, what it says
// Rows of `compatible.ts` share one set, since they differ in addresses only.

const required = [
  'text',
  'tool-call',
  'length',
  'refusal',
  'usage',
  'error-4xx',
  'error-5xx',
  'cut',
];
const secret = 'sk-test';
const credentials = { apiKey: secret, accessKeyId: secret, secretAccessKey: 'never sent' };
const asked = (body: Uint8Array, model = 'm', stream = false) =>
  ({ operation: 'chat', model, stream, body, nowMs: 0 }) as const;
/** Settings without which a vendor has no address. */
const needed: Readonly<Record<string, object>> = {
  'openai-compatible': { baseUrl: 'https://vendor.example/v1' },
  demo: { baseUrl: 'https://vendor.example/v1' },
  azure: { baseUrl: 'https://vendor.openai.azure.com' },
  bedrock: { awsRegion: 'eu-central-1' },
};
const cassettes = join(import.meta.dirname, '../cassettes');

const setOf = ({ name }: Provider): string => {
  const own = join(cassettes, name);
  const isRow = compatible.some((row) => row.name === name);
  return existsSync(own) || !isRow ? own : join(cassettes, 'compatible');
};

const namesIn = (set: string): readonly string[] =>
  existsSync(set) ? readdirSync(set).map((file) => file.replace(/\.txt$/, '')) : [];

const readCassette = (set: string, name: string) => {
  const text = readFileSync(join(set, `${name}.txt`), 'utf8').replace(/\n$/, '');
  const [call = '', sent = '', answered = '', meaning = ''] = text.split('\n---\n');
  const [head = '', ...frames] = answered.split('\n\n');
  const [status = '', contentType = ''] = head.split(/ (.*)/);
  const body = frames.join('\n\n');
  return { call, sent, status: Number(status), contentType, body, meaning };
};

/** A set of a vendor's own names the real address; the shared set one that is made up. */
const settingsFor = (provider: Provider) =>
  setOf(provider).endsWith('compatible')
    ? { baseUrl: 'https://vendor.example/v1' }
    : (needed[provider.name] ?? {});

const prepareFor = (provider: Provider, call: string) => {
  const speech = speechOf(provider, { settings: settingsFor(provider) });
  const { passing } = upstreamDialects[speech.dialect];
  const dialect = clientDialects[passing?.from ?? 'openai'];
  const json = parseObject(call) ?? {};
  const checked = dialect.check(json, 'chat');
  if (checked.kind === 'bad') throw new Error(checked.problem.message);
  const { wantsStreamUsage, model } = checked.value;
  const head = { model, createdSeconds: 0, fallbackId: '', wantsStreamUsage };
  const bytes = Buffer.from(call);
  const request = {
    dialect,
    operation: 'chat',
    parameters: checked.value,
    bytes,
    json,
    head,
  } as const;
  const preparation = prepare(request, speech, model, {});
  if (preparation.kind === 'bad') throw new Error(preparation.problem.message);
  return { ...preparation.prepared, parameters: checked.value };
};

const sentBy = (provider: Provider, prepared: ReturnType<typeof prepareFor>): string => {
  const endpoint = provider.configure(settingsFor(provider));
  const { path, headers } = endpoint.request(
    asked(prepared.body, prepared.parameters.model, prepared.parameters.stream),
    credentials,
  );
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const body = Buffer.from(prepared.body).toString();
  return [
    `POST ${endpoint.origin}${path}`,
    ...lines.sort((a, b) => a.localeCompare(b)),
    '',
    body,
  ].join('\n');
};

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text),
);

/** A stream as it travels: its cassette is written as server-sent events, whatever frames it comes in. */
const framed = ({ framing }: Prepared, isStream: boolean, body: string): Buffer => {
  if (framing === null || !isStream) return Buffer.from(body);
  const cuts = body.split('\n\n').map((event, i, all) => {
    const data = /^data: (.*)$/m.exec(event)?.[1] ?? '';
    const payload = { bytes: Buffer.from(data).toString('base64'), p: 'abc' };
    const frame = codec.encode({
      headers: {
        ':event-type': { type: 'string', value: 'chunk' },
        ':content-type': { type: 'string', value: 'application/json' },
        ':message-type': { type: 'string', value: 'event' },
      },
      body: Buffer.from(JSON.stringify(payload)),
    });
    // The last event of a stream that was cut is half a frame.
    return data === '' ? [] : i === all.length - 1 ? frame.subarray(0, 40) : frame;
  });
  return Buffer.concat(cuts.flat());
};

/** Leaves token classes of 0 out, as the cassettes do. */
const brief = (delta: Delta): object => {
  if (delta.kind !== 'usage') return delta;
  const some = Object.entries(delta.usage.tokens).filter(([, count]) => count !== 0);
  expect(Object.keys(delta.usage.tokens)).toEqual(Object.keys(noTokens));
  return { ...delta, usage: { ...delta.usage, tokens: Object.fromEntries(some) } };
};

const deltasOf = (prepared: Prepared, isStream: boolean, body: string, chunkBytes: number) => {
  const translator = prepared.translator(isStream);
  const bytes = framed(prepared, isStream, body);
  const deltas: Delta[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    deltas.push(...translator.read(bytes.subarray(at, at + chunkBytes)).deltas);
  }
  return [...deltas, ...translator.end().deltas].map(brief);
};

describe.each([...providers.values()])('$name', (provider) => {
  const set = setOf(provider);

  test('has a cassette of each kind', () => {
    expect(namesIn(set)).toEqual(expect.arrayContaining(required));
  });

  test.each(namesIn(set))('%s: sends what its cassette says', (name) => {
    const { call, sent } = readCassette(set, name);
    expect(sentBy(provider, prepareFor(provider, call))).toBe(sent);
  });

  test.each(namesIn(set))('%s: reads what its cassette says, at any split', (name) => {
    const { call, status, contentType, body, meaning } = readCassette(set, name);
    const expected = meaning.split('\n').map((line): unknown => JSON.parse(line));
    if (status >= 400) {
      const { dialect } = speechOf(provider, { settings: settingsFor(provider) });
      expect([upstreamDialects[dialect].readError(body)]).toEqual(expected);
      return;
    }
    const prepared = prepareFor(provider, call);
    const isStream = /^(text\/event-stream|application\/vnd\.amazon\.eventstream)/.test(
      contentType,
    );
    for (const chunkBytes of [1, 7, 1 << 20]) {
      expect(deltasOf(prepared, isStream, body, chunkBytes)).toEqual(expected);
    }
  });

  test('its settings have a schema whose defaults are complete or name what is missing', () => {
    const filled = Value.Default(provider.settings, {});
    const settings = needed[provider.name];
    expect(Value.Check(provider.settings, filled)).toBe(settings === undefined);
    const isRight = (own: object) =>
      Value.Check(provider.settings, Value.Default(provider.settings, { ...settings, ...own }));
    expect(isRight({})).toBe(true);
    expect(isRight({ baseUrl: 'http://127.0.0.1:1/a/b/' })).toBe(true);
    for (const baseUrl of [
      '',
      'ftp://x',
      'https://user:pass@x',
      'https://x/?q',
      'https://x/#f',
      7,
    ]) {
      expect(isRight({ baseUrl })).toBe(false);
    }
    expect(isRight({ baseUrl: 'http://x', more: 1 })).toBe(false);
    expect(() => provider.configure({ ...settings, baseUrl: 7 })).toThrow(provider.name);
  });

  test('its address keeps a path, and its secret is sent only when there is one', () => {
    const endpoint = provider.configure({
      ...needed[provider.name],
      baseUrl: 'http://127.0.0.1:1/a/b/',
    });
    expect(endpoint.origin).toBe('http://127.0.0.1:1');
    const body = Buffer.from('{}');
    const { path, headers } = endpoint.request(asked(body), credentials);
    expect(path).toMatch(/^\/a\/b\/\w/);
    expect(JSON.stringify(headers)).toContain(secret);
    expect(JSON.stringify(headers)).not.toContain(credentials.secretAccessKey);
    const {
      authorization,
      'x-api-key': key,
      'api-key': azureKey,
    } = endpoint.request(asked(body), {}).headers;
    expect([authorization, key, azureKey]).toEqual([undefined, undefined, undefined]);
  });

  test('its names are those of a vendor: lower case, and model patterns end in their only star', () => {
    expect(provider.name).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(provider.genAiProvider).toMatch(/^[a-z][a-z0-9_.]*$/);
    for (const pattern of provider.knownModels) expect(pattern).toMatch(/^[^*]+\*?$/);
    for (const header of provider.forwardedHeaders) expect(header).toMatch(/^[a-z-]+$/);
  });
});

test('names are unique, and no model belongs to two vendors', () => {
  const all = [...providers.values()];
  const patterns = all.flatMap(({ knownModels }) => knownModels);
  expect(new Set(patterns).size).toBe(patterns.length);
  expect(providers.size).toBeGreaterThan(10);
  expect(all.every(({ name }, index) => [...providers.keys()][index] === name)).toBe(true);
});

test('the shared set is only for rows of the table', () => {
  const stranger = { name: 'stranger' };
  expect(namesIn(join(cassettes, stranger.name))).toEqual([]);
  const openai = providers.get('openai');
  expect(openai && setOf({ ...openai, ...stranger })).toBe(join(cassettes, 'stranger'));
});
