import { Type } from 'typebox';
import { standardTraits } from '../dialects/dialect.ts';
import { bearer, json, openaiPaths } from '../dialects/openai/address.ts';
import { apiKey, baseUrl, provider } from './provider.ts';

const id = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));

/** OpenAI's own API: https://platform.openai.com/docs/api-reference/authentication */
export const openai = provider({
  name: 'openai',
  genAiProvider: 'openai',
  prices: 'openai',
  credentials: apiKey('OPENAI_API_KEY'),
  knownModels: ['gpt-*', 'chatgpt-*', 'codex-*', 'o1*', 'o3*', 'o4*', 'text-embedding-*'],
  forwardedHeaders: ['openai-beta'],
  settings: Type.Object(
    {
      baseUrl: baseUrl('https://api.openai.com/v1'),
      organization: id('Organisation that is billed, as `OpenAI-Organization`'),
      project: id('Project that is billed, as `OpenAI-Project`'),
    },
    { additionalProperties: false },
  ),
  speaks: () => ({ dialect: 'openai', traits: standardTraits }),
  request: (
    { operation },
    { apiKey: key },
    { settings: { organization, project }, base: { prefix } },
  ) => ({
    path: `${prefix}${openaiPaths[operation]}`,
    headers: {
      ...json,
      ...bearer(key),
      ...(organization === undefined ? {} : { 'openai-organization': organization }),
      ...(project === undefined ? {} : { 'openai-project': project }),
    },
  }),
});
