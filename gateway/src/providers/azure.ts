import { Type } from 'typebox';
import { standardTraits } from '../dialects/dialect.ts';
import { json, openaiPaths } from '../dialects/openai/address.ts';
import { apiKey, baseUrl, provider } from './provider.ts';

/**
 * Azure OpenAI: OpenAI's words; the deployment stands in the path. The model of a target is the deployment's name.
 * https://learn.microsoft.com/azure/ai-services/openai/reference
 */
export const azure = provider({
  name: 'azure',
  system: 'azure.ai.openai',
  prices: 'azure',
  credentials: apiKey('AZURE_OPENAI_API_KEY'),
  knownModels: [],
  forwardedHeaders: [],
  settings: Type.Object(
    {
      baseUrl: baseUrl(null),
      apiVersion: Type.String({
        pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$',
        title: 'a version such as 2024-10-21',
        default: '2024-10-21',
        description: 'Version of the API, as `api-version`.',
      }),
    },
    { additionalProperties: false },
  ),
  speaks: () => ({ dialect: 'openai', traits: standardTraits }),
  request: ({ operation, model }, { apiKey: key }, { settings: { apiVersion }, base }) => ({
    path: `${base.prefix}/openai/deployments/${encodeURIComponent(model)}${openaiPaths[operation]}?api-version=${apiVersion}`,
    headers: { ...json, ...(key === undefined ? {} : { 'api-key': key }) },
  }),
});
