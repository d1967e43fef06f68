/** The two halves of each dialect that clients and providers both speak. */
import { anthropicClient, anthropicUpstream } from '../../../gateway/src/dialects/anthropic.ts';
import type { ClientDialect, UpstreamDialect } from '../../../gateway/src/dialects/dialect.ts';
import { openaiClient, openaiUpstream } from '../../../gateway/src/dialects/openai.ts';

const both = (client: ClientDialect, upstream: UpstreamDialect) => {
  const { passing } = upstream;
  if (passing === null) throw new Error(`${upstream.name} is not what clients speak`);
  return { client, upstream, passing };
};

export const openai = both(openaiClient, openaiUpstream);
export const anthropic = both(anthropicClient, anthropicUpstream);
