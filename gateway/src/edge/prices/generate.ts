/** `gateway/prices/catalogue.json`, from the two sources and the decisions where they disagree. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { catalogueText } from '../../prices/catalogue.ts';
import { readGenaiPrices } from '../../prices/genai-prices.ts';
import { readLitellm } from '../../prices/litellm.ts';
import { merge } from '../../prices/merge.ts';

const folder = 'gateway/prices';
const text = Type.String({ minLength: 1 });
const Reviews = Compile(
  Type.Array(
    Type.Object(
      { vendor: text, model: text, take: text, because: text, source: text, date: text },
      { additionalProperties: false },
    ),
  ),
);

const read = (file: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../../prices', file), 'utf8'));

/** The catalogue, by its path. Throws naming every price that nobody decided, and every decision about nothing. */
export const generatedFiles = (): Readonly<Record<string, string>> => {
  const genai = readGenaiPrices(read('sources/genai-prices.json'));
  const litellm = readLitellm(read('sources/litellm.json'));
  const reviews = read('reviewed.json');
  if (!Reviews.Check(reviews)) throw new Error(`${folder}/reviewed.json is no list of decisions`);
  const { vendors, disagreements, unused } = merge(genai, litellm, reviews);
  const problems = [
    ...disagreements.map(
      ({ vendor, model, entry, lines }) =>
        `undecided: ${vendor} ${model} (${entry}): ${lines.join('; ')}`,
    ),
    ...unused.map(({ vendor, model }) => `decides nothing: ${vendor} ${model}`),
  ];
  if (problems.length > 0) throw new Error(`${folder}/reviewed.json\n  ${problems.join('\n  ')}`);
  return {
    [`${folder}/catalogue.json`]: catalogueText(
      vendors,
      [genai.source, litellm.source],
      litellm.source.day,
    ),
  };
};
