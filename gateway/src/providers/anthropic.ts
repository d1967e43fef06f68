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
  // A client's own version decides which fields its body may hold, so it goes with the body.
  forwardedHeaders: ['anthropic-beta', 'anthropic-version'],
  settings: Type.Object(
    {
      baseUrl: baseUrl('https://api.anthropic.com'),
      version: Type.String({
        minLength: 1,
        default: '2023-06-01',
        description:
          'Version of the API for requests that name none, as `anthropic-version`; 2026-10-21 and later refuse temperature',
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
