import type { DialectName } from '../../model/call.ts';
import { anthropic } from './anthropic.ts';
import type { Dialect } from './dialect.ts';
import { openai } from './openai.ts';

/** Every dialect, by name. */
export const dialects = { openai, anthropic } as const satisfies Record<DialectName, Dialect>;
