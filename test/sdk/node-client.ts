/** The official Node SDKs, unmodified. */
import Anthropic, { APIError as AnthropicError } from '@anthropic-ai/sdk';
import OpenAI, { APIError as OpenAIError } from 'openai';
import { width, type Answer, type Client, type Task } from './task.ts';

const optionsOf = ({ key, patient }: Task) => ({
  apiKey: key,
  ...(patient ? {} : { maxRetries: 0 }),
});

type Reply = Pick<Answer, 'text' | 'requestId'>;

const askOpenai = async (task: Task): Promise<Reply> => {
  const client = new OpenAI({ ...optionsOf(task), baseURL: `${task.origin}/v1` });
  const options = { headers: { traceparent: task.traceparent } };
  const body = {
    model: task.model,
    messages: [{ role: 'user' as const, content: task.content }],
  };
  if (!task.stream) {
    const reply = await client.chat.completions.create(body, options);
    // oxlint-disable-next-line no-underscore-dangle -- the name is the SDK's
    return { text: reply.choices[0]?.message.content ?? '', requestId: reply._request_id ?? '' };
  }
  const { data, request_id: requestId } = await client.chat.completions
    .create({ ...body, stream: true }, options)
    .withResponse();
  let text = '';
  for await (const { choices } of data) text += choices[0]?.delta.content ?? '';
  return { text, requestId: requestId ?? '' };
};

const askAnthropic = async (task: Task): Promise<Reply> => {
  const client = new Anthropic({ ...optionsOf(task), baseURL: task.origin });
  const options = { headers: { traceparent: task.traceparent } };
  const body = {
    model: task.model,
    max_tokens: 9,
    messages: [{ role: 'user' as const, content: task.content }],
  };
  if (!task.stream) {
    const reply = await client.messages.create(body, options);
    const [block] = reply.content;
    // oxlint-disable-next-line no-underscore-dangle -- the name is the SDK's
    return { text: block?.type === 'text' ? block.text : '', requestId: reply._request_id ?? '' };
  }
  const { data, request_id: requestId } = await client.messages
    .create({ ...body, stream: true }, options)
    .withResponse();
  let text = '';
  for await (const event of data) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
      text += event.delta.text;
    }
  }
  return { text, requestId: requestId ?? '' };
};

const answerOf = async (task: Task): Promise<Answer> => {
  try {
    const reply = await (task.sdk === 'openai' ? askOpenai(task) : askAnthropic(task));
    return { id: task.id, error: '', status: 0, ...reply };
  } catch (error) {
    if (!(error instanceof OpenAIError) && !(error instanceof AnthropicError)) throw error;
    const { status, requestID } = error;
    return {
      id: task.id,
      text: null,
      error: error.constructor.name,
      status: typeof status === 'number' ? status : 0,
      requestId: requestID ?? '',
    };
  }
};

export const askInNode: Client = async (tasks) => {
  const answers: Answer[] = [];
  const waiting = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of waiting) answers.push(await answerOf(task));
  };
  await Promise.all(Array.from({ length: width }, work));
  return answers;
};
