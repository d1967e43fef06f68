import { Type } from 'typebox';
import { baseUrl, provider } from './provider.ts';

/** Anthropic's own API: https://docs.anthropic.com/en/api/overview */
export const anthropic = provider({
  name: 'anthropic',
  system: 'anthropic',
  dialect: 'anthropic',
  prices: 'anthropic',
  secretVariable: 'ANTHROPIC_API_KEY',
  knownModels: ['claude-*'],
  forwardedHeaders: ['anthropic-beta'],
  settings: Type.Object(
    {
      baseUrl: baseUrl('https://api.anthropic.com'),
      version: Type.String({
        minLength: 1,
        default: '2023-06-01',
        description: 'Version of the API, as `anthropic-version`',
      }),
      beta: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'Beta features of every request, as `anthropic-beta`, separated by commas',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  request: (operation, secret, { version, beta }, { prefix }) =>
    operation === 'embeddings'
      ? null
      : {
          path: `${prefix}/v1/messages`,
          headers: {
            'content-type': 'application/json',
            'anthropic-version': version,
            ...(secret === '' ? {} : { 'x-api-key': secret }),
            ...(beta === undefined ? {} : { 'anthropic-beta': beta }),
          },
        },
});
