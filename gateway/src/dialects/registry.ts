import type { DialectName } from '../model/call.ts';
import { anthropicClient, anthropicUpstream } from './anthropic.ts';
import { bedrockAnthropic } from './bedrock.ts';
import type { ClientDialect, UpstreamDialect } from './dialect.ts';
import { openaiClient, openaiUpstream } from './openai.ts';

/** Every dialect that clients may speak, by name. */
export const clientDialects = {
  openai: openaiClient,
  anthropic: anthropicClient,
} as const satisfies Record<DialectName, ClientDialect>;

/** Every dialect that we speak to providers, by name; a client's own words among them. */
export const upstreamDialects = {
  openai: openaiUpstream,
  anthropic: anthropicUpstream,
  'anthropic-bedrock': bedrockAnthropic,
} as const satisfies Readonly<Record<string, UpstreamDialect>>;

export type UpstreamDialectName = keyof typeof upstreamDialects;
