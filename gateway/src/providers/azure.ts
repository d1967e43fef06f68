import { Type } from 'typebox';
import { standardTraits } from '../dialects/dialect.ts';
import { bearer, json, openaiPaths } from '../dialects/openai/address.ts';
import { isObject, numberAt, textAt } from '../model/json.ts';
import { apiKey, baseUrl, provider } from './provider.ts';

const id = (title: string, description: string) =>
  Type.Optional(Type.String({ pattern: '^[0-9A-Za-z.-]{1,128}$', title, description }));

/** What a token is asked for; it stands for all of Azure's AI services. */
const scope = 'https://cognitiveservices.azure.com/.default';

/**
 * Azure OpenAI: OpenAI's words; the deployment stands in the path. The model of a target is the deployment's name. With an
 * `apiKey`, or as an application of Entra ID, whose token is had and renewed by itself.
 * https://learn.microsoft.com/azure/ai-services/openai/reference
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export const azure = provider({
  name: 'azure',
  genAiProvider: 'azure.ai.openai',
  prices: 'azure',
  credentials: [
    { ...apiKey('AZURE_OPENAI_API_KEY')[0], isNeeded: false },
    {
      name: 'clientSecret',
      about: 'The secret of an application of Entra ID, instead of `apiKey`.',
      variable: 'AZURE_CLIENT_SECRET',
      isNeeded: false,
    },
  ],
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
      tenantId: id('the id of a tenant', 'The tenant of the application.'),
      clientId: id('the id of an application', 'The application, for `clientSecret`.'),
      loginUrl: Type.String({
        pattern: '^https?://[^\\s?#@]+$',
        title: 'an address such as https://login.microsoftonline.com',
        default: 'https://login.microsoftonline.com',
        description: 'Where tokens are had.',
      }),
    },
    { additionalProperties: false },
  ),
  lacks(settings, given) {
    if (given.has('apiKey')) return null;
    const has = (name: string) => isObject(settings) && textAt(settings, name) !== null;
    if (given.has('clientSecret') && has('tenantId') && has('clientId')) return null;
    return "needs 'apiKey', or 'tenantId', 'clientId' and 'clientSecret'";
  },
  speaks: () => ({ dialect: 'openai', traits: standardTraits }),
  request({ operation, model }, { apiKey: key, token }, { settings: { apiVersion }, base }) {
    const deployment = `${base.prefix}/openai/deployments/${encodeURIComponent(model)}`;
    return {
      path: `${deployment}${openaiPaths[operation]}?api-version=${apiVersion}`,
      headers: {
        ...json,
        ...bearer(token),
        ...(key === undefined || token !== undefined ? {} : { 'api-key': key }),
      },
    };
  },
  token({ apiKey: key, clientSecret }, { tenantId, clientId, loginUrl }) {
    if (key !== undefined || clientSecret === undefined) return null;
    const fields = { grant_type: 'client_credentials', scope, client_secret: clientSecret };
    return {
      url: `${loginUrl}/${tenantId ?? ''}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...fields, client_id: clientId ?? '' }).toString(),
      read(reply) {
        const [token, seconds] = [textAt(reply, 'access_token'), numberAt(reply, 'expires_in')];
        if (token === null || seconds === null) return null;
        return { credentials: { token }, livesMs: seconds * 1000 };
      },
    };
  },
});
