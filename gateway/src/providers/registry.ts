import { anthropic } from './anthropic.ts';
import { azure } from './azure.ts';
import { bedrock } from './bedrock.ts';
import { compatible } from './compatible.ts';
import { openai } from './openai.ts';
import type { Provider } from './provider.ts';

/** Every vendor that ships, by the name a configuration uses. */
export const providers: ReadonlyMap<string, Provider> = new Map(
  [openai, anthropic, azure, bedrock, ...compatible].map((provider) => [provider.name, provider]),
);
