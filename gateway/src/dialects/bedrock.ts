/**
 * Anthropic's models on Amazon Bedrock: Anthropic's words, but for three fields, in frames of AWS.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
 */
import { parseObject, textAt, type JsonObject } from '../model/json.ts';
import { startAwsFrames, type AwsFrame } from './aws-event-stream.ts';
import { FramingError, type Framing } from './framing.ts';
import { anthropicUpstream } from './anthropic.ts';
import type { UpstreamDialect } from './dialect.ts';

/** The model stands in the path, and so does whether the reply is a stream. */
const inThePath = ['model', 'stream'] as const;
const version = { anthropic_version: 'bedrock-2023-05-31' } as const;

/** What an exception inside a stream is called by Anthropic: https://docs.anthropic.com/en/api/errors */
const errorTypes: ReadonlyMap<string, string> = new Map([
  ['throttlingException', 'rate_limit_error'],
  ['validationException', 'invalid_request_error'],
  ['modelTimeoutException', 'timeout_error'],
  ['serviceUnavailableException', 'overloaded_error'],
  ['modelStreamErrorException', 'api_error'],
  ['internalServerException', 'api_error'],
]);

const eventText = (name: string, data: string): string =>
  `event: ${name}\ndata: ${data.replaceAll(/\r\n?|\n/g, '\ndata: ')}\n\n`;

const errorText = (type: string, message: string): string =>
  eventText('error', JSON.stringify({ type: 'error', error: { type, message } }));

/** One frame as the event that Anthropic itself would have sent. */
const sseOf = ({ headers, payload }: AwsFrame): string => {
  const body = parseObject(payload.toString('utf8'));
  const kind = headers.get(':message-type');
  if (kind !== 'event') {
    const type = headers.get(':exception-type') ?? headers.get(':error-code') ?? '';
    const message = body === null ? headers.get(':error-message') : textAt(body, 'message');
    return errorText(errorTypes.get(type) ?? 'api_error', message ?? '');
  }
  if (headers.get(':event-type') !== 'chunk') return '';
  const text = Buffer.from((body && textAt(body, 'bytes')) ?? '', 'base64').toString('utf8');
  const event = parseObject(text);
  if (event === null) throw new FramingError('invalid_event', "The provider's stream is garbled.");
  return eventText(textAt(event, 'type') ?? 'message', text);
};

const encoder = new TextEncoder();

const framing: Framing = {
  contentType: 'application/vnd.amazon.eventstream',
  start(maxFrameBytes) {
    const frames = startAwsFrames(maxFrameBytes);
    return {
      read(chunk) {
        const text = frames(chunk).map(sseOf).join('');
        return text === '' ? null : encoder.encode(text);
      },
    };
  },
};

const withoutPath = ({ model: _model, stream: _stream, ...body }: JsonObject): JsonObject => ({
  ...version,
  ...body,
});

export const bedrockAnthropic: UpstreamDialect = {
  ...anthropicUpstream,
  name: 'anthropic-bedrock',
  framing,
  write(call, model, traits) {
    const written = anthropicUpstream.write(call, model, traits);
    return written.kind === 'bad' ? written : { ...written, value: withoutPath(written.value) };
  },
  passing: {
    from: 'anthropic',
    edits: () => ({ set: version, drop: inThePath }),
    isExtraUsage: () => false,
  },
};
