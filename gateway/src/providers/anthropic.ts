import { Type } from 'typebox';
import { standardTraits } from '../dialects/dialect.ts';
import { apiKey, baseUrl, provider } from './provider.ts';

/** Anthropic's own API: https://docs.anthropic.com/en/api/overview */
export const anthropic = provider({
  name: 'anthropic',
  genAiProvider: 'anthropic',
  prices: 'anthropic',
  credentials: apiKey('ANTHROPIC_API_KEY'),
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
  speaks: (operation) =>
    operation === 'embeddings' ? null : { dialect: 'anthropic', traits: standardTraits },
  request: (_asked, { apiKey: key }, { settings: { version, beta }, base: { prefix } }) => ({
    path: `${prefix}/v1/messages`,
    headers: {
      'content-type': 'application/json',
      'anthropic-version': version,
      ...(key === undefined ? {} : { 'x-api-key': key }),
      ...(beta === undefined ? {} : { 'anthropic-beta': beta }),
    },
  }),
});
