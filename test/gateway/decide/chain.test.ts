import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Chain, readLink, rowHash } from '../../../gateway/src/decide/chain.ts';

const digest = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();
const sha = (rows: readonly string[]): string =>
  digest(Buffer.concat(rows.map((row) => digest(row)))).toString('hex');

test('the first row of a segment says what the one before it held, all others say nothing', () => {
  const chain = new Chain('r.1', '');
  expect(chain.said()).toBe('');
  chain.add(1, rowHash('[1]'));
  chain.add(2, rowHash('[2]'));
  expect(chain.said()).toBe('');
  const link = `r.1 1 2 2 ${sha(['[1]', '[2]'])}`;
  expect(chain.seal()).toBe(link);
  expect(chain.said()).toBe(link);
  chain.add(3, rowHash('[3]'));
  expect(chain.said()).toBe('');
  expect(chain.seal()).toBe(`r.1 3 3 1 ${sha(['[3]'])}`);
});

test('a segment without rows is passed over: what was to be said still is', () => {
  const chain = new Chain('r.1', '');
  expect(chain.seal()).toBeNull();
  chain.add(1, rowHash('[1]'));
  const link = chain.seal();
  expect(chain.seal()).toBeNull();
  expect(chain.said()).toBe(link);
});

test('a life goes on where the one before it ended; what is no link is not gone on with', () => {
  const link = `r.1 1 9 9 ${sha([])}`;
  expect(new Chain('r.2', link).said()).toBe(link);
  for (const torn of [link.slice(0, -1), '', 'x', `${link} `, `${link}\n${link}`])
    expect(new Chain('r.2', torn).said()).toBe('');
});

test('a link is read as it was written, whatever the rows were', () => {
  const rows = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(rows, fc.nat(1_000_000), (texts, first) => {
      const chain = new Chain('gateway-0.abc-12', '');
      for (const [i, text] of texts.entries()) chain.add(first + i, rowHash(JSON.stringify(text)));
      expect(readLink(chain.seal() ?? '')).toEqual({
        replica: 'gateway-0.abc-12',
        firstSeq: first,
        lastSeq: first + texts.length - 1,
        rows: texts.length,
        sha256: sha(texts.map((text) => JSON.stringify(text))),
      });
    }),
  );
});
