import { anthropic } from './anthropic.ts';
import { awsCur } from './aws-cur.ts';
import { azure } from './azure.ts';
import type { BillFormat } from './bill.ts';
import { focus } from './focus.ts';
import { openai } from './openai.ts';

/** Formats of bills, by their names; one more is a file and a name here. */
export const billFormats: ReadonlyMap<string, BillFormat> = new Map(
  [openai, anthropic, awsCur, focus, azure].map((format) => [format.name, format]),
);
