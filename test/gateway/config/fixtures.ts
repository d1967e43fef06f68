import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The environment of every fixture. The values of credentials are easy to find in what must not hold them. */
export const fixtureEnv = {
  OPENAI_API_KEY: 'sk-LEAK-openai',
  ANTHROPIC_API_KEY: 'sk-LEAK-anthropic',
  SHOP_KEY: 'tg-LEAK-shop',
  SHOP_CHECKOUT_KEY: 'tg-LEAK-checkout',
  RESEARCH_KEY: 'tg-LEAK-research',
  TOLLGATE_MASTER_KEY: 'tg-LEAK-master',
  TOLLGATE_DEMO_KEY: 'tg-LEAK-demo',
  SHORT: 'LEAK',
  SPACED: 'LEAK with spaces',
  EMPTY: '',
  WORDS: 'LEAK-words',
  SEVEN: '7',
  FALSE: 'false',
} as const;

/** Files `*.<kind>.yaml` beside this one: the comment lines they begin with, and their path. */
export const fixtures = (kind: 'good' | 'bad') =>
  globSync(join(import.meta.dirname, `*.${kind}.yaml`))
    .toSorted()
    .map((path) => {
      const lines = readFileSync(path, 'utf8').split('\n');
      const end = lines.findIndex((line) => !line.startsWith('# '));
      const comments = lines.slice(0, end).map((line) => line.slice(2));
      return { name: basename(path), path, comments };
    });
