import { Type } from 'typebox';
import type { CredentialVariable } from '../contract/credentials.ts';
import { standardTraits, type Traits } from '../dialects/dialect.ts';
import { bearer, json, openaiPaths } from '../dialects/openai/address.ts';
import { apiKey, baseUrl, provider, type Provider } from './provider.ts';

// Vendors that speak OpenAI's dialect: one row each. `genAiProvider` is the vendor's `gen_ai.provider.name` where
// OpenTelemetry names one: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
interface Row {
  readonly name: string;
  readonly genAiProvider: string;
  /** Null: there is no usual address, the configuration must say it. */
  readonly at: string | null;
  readonly secret: CredentialVariable | null;
  readonly prices: string | null;
  readonly models?: readonly string[];
  readonly isSimulated?: boolean;
  readonly reportsCost?: boolean;
  readonly traits?: Partial<Traits>;
}

// oxfmt-ignore
const rows: readonly Row[] = [
  { name: 'openai-compatible', genAiProvider: 'openai_compatible', at: null, secret: null, prices: null },
  { name: 'deepseek',   genAiProvider: 'deepseek',   at: 'https://api.deepseek.com/v1',    secret: 'DEEPSEEK_API_KEY',   prices: 'deepseek',   models: ['deepseek-*'], traits: { olderMaxTokens: true } },
  { name: 'groq',       genAiProvider: 'groq',       at: 'https://api.groq.com/openai/v1', secret: 'GROQ_API_KEY',       prices: 'groq',       models: ['llama-3*', 'groq/*'] },
  { name: 'mistral',    genAiProvider: 'mistral_ai', at: 'https://api.mistral.ai/v1',      secret: 'MISTRAL_API_KEY',    prices: 'mistral',    models: ['mistral-*', 'ministral-*', 'magistral-*', 'codestral-*', 'devstral-*', 'pixtral-*'], traits: { usageUnasked: true, olderMaxTokens: true } },
  { name: 'ollama',     genAiProvider: 'ollama',     at: 'http://127.0.0.1:11434/v1',      secret: null,                 prices: null },
  { name: 'openrouter', genAiProvider: 'openrouter', at: 'https://openrouter.ai/api/v1',   secret: 'OPENROUTER_API_KEY', prices: 'openrouter', reportsCost: true },
  { name: 'together',   genAiProvider: 'together',   at: 'https://api.together.xyz/v1',    secret: 'TOGETHER_API_KEY',   prices: 'together' },
  { name: 'vllm',       genAiProvider: 'vllm',       at: 'http://127.0.0.1:8000/v1',       secret: null,                 prices: null },
  { name: 'xai',        genAiProvider: 'x_ai',       at: 'https://api.x.ai/v1',            secret: 'XAI_API_KEY',        prices: 'x-ai',       models: ['grok-*'], reportsCost: true },
  // The model of `demo/`.
  { name: 'demo',       genAiProvider: 'demo',       at: null,                             secret: null,                 prices: null,         models: ['demo', 'demo-*'], isSimulated: true },
];

const fromRow = ({ at, secret, models = [], traits = {}, ...row }: Row): Provider =>
  provider({
    ...row,
    credentials: apiKey(secret),
    knownModels: models,
    forwardedHeaders: [],
    settings: Type.Object({ baseUrl: baseUrl(at) }, { additionalProperties: false }),
    speaks: () => ({ dialect: 'openai', traits: { ...standardTraits, ...traits } }),
    request: ({ operation }, { apiKey: key }, { base: { prefix } }) => ({
      path: `${prefix}${openaiPaths[operation]}`,
      headers: { ...json, ...bearer(key) },
    }),
  });

/** One provider for each row. */
export const compatible: readonly Provider[] = rows.map(fromRow);
