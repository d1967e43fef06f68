/** What a client has of a reply, read from the bytes alone. */
import { describe, expect, test } from 'vitest';
import { codeOfBreak, endOf, usageOf, type Heard } from './heard.ts';

const sse = (...events: readonly unknown[]): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const done = 'data: [DONE]\n\n';
const stopped = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };

const heard = (some: Partial<Heard>): Heard => ({
  dialect: 'openai',
  stream: true,
  status: 200,
  lengthBytes: null,
  bodyBytes: 10,
  text: '',
  by: 'end',
  ...some,
});

describe('the end', () => {
  test.each(['end', 'client', 'break'] as const)(
    'who has the last event has all of a stream, whatever came then (%s)',
    (by) => {
      expect(endOf(heard({ text: sse({ choices: [] }) + done, by }))).toBe('whole');
      expect(endOf(heard({ dialect: 'anthropic', text: stopped, by }))).toBe('whole');
    },
  );

  test('half of the last event is none', () => {
    expect(endOf(heard({ text: done.slice(0, -1), by: 'break' }))).toBe('lost');
    expect(endOf(heard({ dialect: 'anthropic', text: stopped.slice(0, -1), by: 'client' }))).toBe(
      'hung_up',
    );
  });

  test('the end of the body ends the last event', () => {
    expect(endOf(heard({ text: done.slice(0, -1) }))).toBe('whole');
    expect(endOf(heard({ text: done.slice(0, -4) }))).toBe('unended');
  });

  test('a word in the text is no event', () => {
    expect(endOf(heard({ text: sse({ text: 'data: [DONE]\n\n' }) }))).toBe('unended');
  });

  test('an error event breaks a stream', () => {
    const text = sse({ choices: [] }, { error: { code: 'stream_cut' } });
    expect(endOf(heard({ text }))).toBe('break');
    expect(codeOfBreak(text)).toBe('stream_cut');
    const theirs = 'event: error\ndata: {"type":"error","error":{"code":"stream_stalled"}}\n\n';
    expect(endOf(heard({ dialect: 'anthropic', text: theirs, by: 'break' }))).toBe('break');
    expect(codeOfBreak(theirs)).toBe('stream_stalled');
  });

  test('a reply that is no stream is whole by its length', () => {
    const whole = { stream: false, lengthBytes: 10 };
    expect(endOf(heard({ ...whole, by: 'break' }))).toBe('whole');
    expect(endOf(heard({ ...whole, bodyBytes: 9, by: 'break' }))).toBe('lost');
    expect(endOf(heard({ ...whole, bodyBytes: 9, by: 'client' }))).toBe('hung_up');
    expect(endOf(heard({ ...whole, status: 502 }))).toBe('error');
    expect(endOf(heard({ lengthBytes: 10, status: 503 }))).toBe('error');
  });

  test('nothing at all', () => {
    expect(endOf(heard({ status: 0, bodyBytes: 0, by: 'break' }))).toBe('lost');
    expect(endOf(heard({ status: 0, bodyBytes: 0, by: 'client' }))).toBe('hung_up');
  });
});

describe('the usage', () => {
  test('of a whole reply', () => {
    expect(usageOf(heard({ stream: false, text: JSON.stringify({ usage }) }))).toEqual({
      input: 12,
      output: 3,
    });
    expect(usageOf(heard({ stream: false, text: JSON.stringify({ usage }).slice(0, -1) }))).toBe(
      null,
    );
  });

  test('of a stream, once its event is whole', () => {
    const text = sse({ choices: [{}], usage: null }, { choices: [], usage });
    expect(usageOf(heard({ text }))).toEqual({ input: 12, output: 3 });
    expect(usageOf(heard({ text: text.slice(0, -1) }))).toBe(null);
    expect(usageOf(heard({ text: sse({ choices: [{}], usage: null }) }))).toBe(null);
  });

  test('of a stream that tells its input first and its output last', () => {
    const first = {
      type: 'message_start',
      message: { usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 1 } },
    };
    const last = { type: 'message_delta', usage: { output_tokens: 9 } };
    const anthropic = { dialect: 'anthropic' } as const;
    expect(usageOf(heard({ ...anthropic, text: sse(first) }))).toBe(null);
    expect(usageOf(heard({ ...anthropic, text: sse(first, last) }))).toEqual({
      input: 12,
      output: 9,
    });
  });

  test('a usage of nothing is none: a dialect may want one where another provider told none', () => {
    const none = { usage: { input_tokens: 0, output_tokens: 0 } };
    expect(
      usageOf(heard({ dialect: 'anthropic', stream: false, text: JSON.stringify(none) })),
    ).toBe(null);
  });

  test('of an error there is none', () => {
    expect(usageOf(heard({ status: 502, text: JSON.stringify({ usage }) }))).toBe(null);
  });
});
