import { expect, test } from 'vitest';
import { maxReplyHeaders, replyHeaders } from '../../../gateway/src/contract/reply-headers.ts';
import { passingHeaders } from '../../../gateway/src/decide/reply-headers.ts';
import { toldBy } from '../../../gateway/src/decide/told.ts';

const told = (clean: (text: string) => string, cut: (what: string) => void = () => {}) =>
  toldBy(clean, cut);
const same = told((text) => text);

test('what the table names passes, renamed where its name would lie', () => {
  expect(
    passingHeaders(
      {
        'openai-processing-ms': '120',
        'openai-version': '2020-10-01',
        'anthropic-ratelimit-requests-remaining': '7',
        'x-ratelimit-remaining-requests': '9',
        'server-timing': 'model;dur=5',
        'x-request-id': 'req_1',
      },
      same,
    ),
  ).toEqual({
    'openai-processing-ms': '120',
    'openai-version': '2020-10-01',
    'anthropic-ratelimit-requests-remaining': '7',
    'x-tollgate-upstream-ratelimit-remaining-requests': '9',
    'server-timing': 'model;dur=5',
    'x-request-id': 'req_1',
    'request-id': 'req_1',
  });
});

test('the gateway account, cookies, connections and what may come one day stay behind', () => {
  const names = `openai-organization openai-project anthropic-organization-id set-cookie connection
    transfer-encoding content-encoding content-length keep-alive x-should-retry x-tollgate-call-id
    x-tollgate-cost-usd access-control-allow-origin server via cf-ray strict-transport-security
    www-authenticate location`.split(/\s+/);
  const headers = Object.fromEntries(names.map((name) => [name, 'value']));
  expect(passingHeaders(headers, same)).toEqual({});
});

test.each([
  [{ 'x-request-id': 'a', 'request-id': 'b' }, 'a'],
  [{ 'request-id': 'b' }, 'b'],
  [{ 'apim-request-id': 'c', 'x-request-id': '' }, 'c'],
  [{ 'x-request-id': ['d', 'e'] }, 'd'],
])('the id of a request in %j is told under both names', (headers, id) => {
  expect(passingHeaders(headers, same)).toEqual({ 'x-request-id': id, 'request-id': id });
});

test('values are cleaned; what is too long, not printable or too many is left out', () => {
  const clean = told((text) => text.replaceAll('sk-1', '[redacted]'));
  expect(passingHeaders({ 'openai-x': 'key sk-1', 'x-request-id': 'sk-1' }, clean)).toEqual({
    'openai-x': 'key [redacted]',
    'x-request-id': '[redacted]',
    'request-id': '[redacted]',
  });
  expect(
    passingHeaders({ 'openai-x': 'x'.repeat(600), 'openai-y': 'a\r\nb', 'openai-z': 'é' }, same),
  ).toEqual({});
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`openai-${i}`, 'v']));
  expect(Object.keys(passingHeaders(many, same))).toHaveLength(maxReplyHeaders);
});

test('no row hides another, and patterns rename to patterns', () => {
  for (const [index, { name, as }] of replyHeaders.entries()) {
    const before = replyHeaders.slice(0, index).filter((row) => row.name.endsWith('*'));
    expect(before.filter((row) => name.startsWith(row.name.slice(0, -1)))).toEqual([]);
    if (as !== null) expect(as.endsWith('*')).toBe(name.endsWith('*'));
  }
});

test('what is left out or taken out is told, and a credential in a name keeps its header here', () => {
  const cuts: string[] = [];
  const counting = told(
    (text) => text.replaceAll('sk-1', '[redacted]'),
    (what) => cuts.push(what),
  );
  const headers = {
    'openai-sk-1': 'v',
    'openai-y': 'sk-1',
    'openai-long': 'x'.repeat(600),
    'x-ratelimit-z': 'é',
    cookie: 'x'.repeat(600),
  };
  expect(passingHeaders(headers, counting)).toEqual({ 'openai-y': '[redacted]' });
  expect(cuts).toEqual(['credential', 'credential', 'header', 'header']);
});
