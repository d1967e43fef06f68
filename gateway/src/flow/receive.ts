import type { Caller, Problem } from '../model/call.ts';
import type { CallRecord } from './call-record.ts';
import type { Effects, Got, Request } from './effects.ts';

/** A model's name goes into headers, labels and rows: bounded, without control characters and broken surrogates. */
const maxModelChars = 256;
const modelName = /^[^\p{Cc}\p{Cs}]+$/u;

const nameProblem = (model: string): Problem | null =>
  model.length <= maxModelChars && modelName.test(model)
    ? null
    : {
        code: 'invalid_value',
        message: `\`model\` must be a name of at most ${maxModelChars} characters, none of them a control character.`,
        param: 'model',
      };

/** What does the request ask for? */
export const receive = async (
  caller: Caller,
  record: CallRecord,
  on: Effects,
): Promise<Got<Request>> => {
  const received = await on.receive(caller);
  if (received.kind === 'bad') return received;
  const { parameters, close } = received.value;
  const unnamed = nameProblem(parameters.model);
  if (unnamed !== null) {
    close();
    // Such a name must not reach a row.
    return { kind: 'bad', problem: unnamed };
  }
  record.learn({ parameters });
  return received;
};
