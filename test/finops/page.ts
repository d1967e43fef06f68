/** docs/finops.md, as data. */
import { readFileSync } from 'node:fs';

export const page = readFileSync('docs/finops.md', 'utf8');

export interface Question {
  readonly number: number;
  readonly title: string;
  readonly sql: string;
}

/** Its questions, each with its query. */
export const questions: readonly Question[] = [
  ...page.matchAll(/^### (\d+)\. ([^\n]+)\n(?:(?!^### )[^])*?^```sql\n([^]*?)^```/gm),
].map(([, number, title = '', sql = '']) => ({ number: Number(number), title, sql }));
