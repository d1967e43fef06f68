/** The body for a provider and how its reply is read, in one step. */
import type { ReplyHead } from '../../../gateway/src/dialects/dialect.ts';
import type { Operation, Problem } from '../../../gateway/src/model/call.ts';
import type { Provider } from '../../../gateway/src/providers/provider.ts';
import type { ReplyLimits } from '../../../gateway/src/translate/reply.ts';
import {
  prepared,
  writeBody,
  type Prepared,
  type RequestBody,
  type Speech,
} from '../../../gateway/src/translate/request.ts';

type Preparation =
  | { readonly kind: 'ok'; readonly prepared: Prepared }
  | { readonly kind: 'bad'; readonly problem: Problem };

export const prepare = (
  request: RequestBody & { readonly head: ReplyHead },
  speech: Speech,
  model: string,
  limits: ReplyLimits,
): Preparation => {
  const written = writeBody(request, speech, model);
  if (written.kind === 'bad') return written;
  return { kind: 'ok', prepared: prepared(written, request, speech, limits) };
};

/** What is spoken with a vendor; settings matter for its address only. */
export const speechOf = (
  provider: Provider,
  {
    operation = 'chat',
    model = 'm',
    settings = { baseUrl: 'https://vendor.example/v1' },
  }: {
    readonly operation?: Operation;
    readonly model?: string;
    readonly settings?: object;
  } = {},
): Speech => {
  const speech = provider.configure(settings).speaks(operation, model);
  if (speech === null) throw new Error(`${provider.name} does not do ${operation}`);
  return speech;
};
