/**
 * The thread in which large bodies are read and written (see `large-bodies.ts`). Whatever a body becomes when it is
 * parsed, becomes so in this thread's heap, which is bounded; the calls of others go on meanwhile.
 */
import { parentPort } from 'node:worker_threads';
import { estimateInputTokens } from '../../decide/estimate.ts';
import { clientDialects } from '../../dialects/registry.ts';
import { writeBody, type RequestBody, type Written } from '../../translate/request.ts';
import type { Answer, Message, WriteFor } from './messages.ts';
import { readAsk, type Reading } from './read-json.ts';

let current: RequestBody | null = null;

const read = (bytes: Uint8Array, reading: Reading): Answer => {
  current = null;
  const found = readAsk(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), reading);
  if (found.kind === 'bad') return { kind: 'read', answer: found };
  const { parameters, json } = found;
  const { operation } = reading;
  current = { dialect: clientDialects[reading.dialect], operation, parameters, bytes, json };
  return {
    kind: 'read',
    answer: { kind: 'ok', parameters, inputTokens: estimateInputTokens(json) },
  };
};

const write = (targets: readonly WriteFor[]): Answer => {
  if (current === null) throw new Error('nothing was read');
  const bodies: Written[] = [];
  for (const { speech, model } of targets) {
    const written = writeBody(current, speech, model);
    if (written.kind === 'bad') return { kind: 'written', answer: written };
    bodies.push({ body: written.body, dropped: written.dropped });
  }
  return { kind: 'written', answer: { kind: 'ok', bodies } };
};

/** The memory of bodies moves to whoever is answered; nothing is copied. */
const memoryOf = (answer: Answer): ArrayBuffer[] => {
  if (answer.kind !== 'written' || answer.answer.kind === 'bad') return [];
  const buffers = answer.answer.bodies.map(({ body }) => body.buffer);
  return [...new Set(buffers.filter((buffer) => buffer instanceof ArrayBuffer))];
};

const answerTo = (message: Message): Answer | null => {
  switch (message.kind) {
    case 'read':
      return read(message.bytes, message.reading);
    case 'write':
      return write(message.targets);
    case 'forget':
      current = null;
      return null;
  }
};

parentPort?.on('message', (message: Message) => {
  let answer: Answer | null;
  try {
    answer = answerTo(message);
  } catch (error) {
    answer = { kind: 'bug', message: error instanceof Error ? (error.stack ?? '') : String(error) };
  }
  if (answer !== null) parentPort?.postMessage(answer, memoryOf(answer));
});
