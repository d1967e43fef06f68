import { Type } from 'typebox';
import { standardTraits } from '../dialects/dialect.ts';
import { baseUrl, provider } from './provider.ts';
import { signed } from './signature-v4.ts';

/**
 * Anthropic's models on Amazon Bedrock. The model is one of Bedrock's ids or inference profiles, such as
 * `eu.anthropic.claude-sonnet-4-5-20250929-v1:0`.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
 */
export const bedrock = provider({
  name: 'bedrock',
  genAiProvider: 'aws.bedrock',
  prices: 'aws',
  credentials: [
    {
      name: 'accessKeyId',
      about: 'The id of the access key.',
      variable: 'AWS_ACCESS_KEY_ID',
      isNeeded: true,
    },
    {
      name: 'secretAccessKey',
      about: 'The access key.',
      variable: 'AWS_SECRET_ACCESS_KEY',
      isNeeded: true,
    },
    {
      name: 'sessionToken',
      about: 'The token of credentials that expire.',
      variable: 'AWS_SESSION_TOKEN',
      isNeeded: false,
    },
  ],
  knownModels: [],
  forwardedHeaders: [],
  settings: Type.Object(
    {
      awsRegion: Type.String({
        pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]$',
        title: 'a region such as eu-central-1',
        description: 'The region whose models are called; requests are signed for it.',
      }),
      baseUrl: Type.Optional(baseUrl(null)),
    },
    { additionalProperties: false },
  ),
  address: ({ awsRegion }) => `https://bedrock-runtime.${awsRegion}.amazonaws.com`,
  speaks: (operation) =>
    operation === 'chat' ? { dialect: 'anthropic-bedrock', traits: standardTraits } : null,
  request({ model, stream, body, nowMs }, credentials, { settings: { awsRegion }, base }) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const verb = stream ? 'invoke-with-response-stream' : 'invoke';
    const path = `${base.prefix}/model/${encodeURIComponent(model)}/${verb}`;
    const headers = {
      'content-type': 'application/json',
      accept: stream ? 'application/vnd.amazon.eventstream' : 'application/json',
    };
    if (accessKeyId === undefined || secretAccessKey === undefined) return { path, headers };
    return {
      path,
      headers: signed({
        method: 'POST',
        host: new URL(base.origin).host,
        path,
        headers,
        body,
        region: awsRegion,
        service: 'bedrock',
        accessKeyId,
        secretAccessKey,
        sessionToken,
        nowMs,
      }),
    };
  },
});
