import { Type } from 'typebox';
import { bearer, json, openaiPaths } from './dialects/openai/address.ts';
import { baseUrl, provider } from './provider.ts';

const id = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));

/** OpenAI's own API: https://platform.openai.com/docs/api-reference/authentication */
export const openai = provider({
  name: 'openai',
  system: 'openai',
  dialect: 'openai',
  prices: 'openai',
  secretVariable: 'OPENAI_API_KEY',
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
  request: (operation, secret, { organization, project }, { prefix }) => ({
    path: `${prefix}${openaiPaths[operation]}`,
    headers: {
      ...json,
      ...bearer(secret),
      ...(organization === undefined ? {} : { 'openai-organization': organization }),
      ...(project === undefined ? {} : { 'openai-project': project }),
    },
  }),
});
