/** The body for a provider and the way back of its reply, in one step. */
import {
  roadBack,
  writeBody,
  type Prepared,
  type RequestBody,
} from '../../../gateway/src/providers/prepare.ts';
import type { Problem } from '../../../gateway/src/model/call.ts';
import type { ReplyHead } from '../../../gateway/src/providers/dialects/dialect.ts';
import type { Provider } from '../../../gateway/src/providers/provider.ts';
import type { RoadLimits } from '../../../gateway/src/providers/road.ts';

type Preparation =
  | { readonly kind: 'ok'; readonly prepared: Prepared }
  | { readonly kind: 'bad'; readonly problem: Problem };

export const prepare = (
  request: RequestBody & { readonly head: ReplyHead },
  provider: Provider,
  model: string,
  limits: RoadLimits,
): Preparation => {
  const written = writeBody(request, provider, model);
  if (written.kind === 'bad') return written;
  const road = roadBack(request, provider, limits);
  return { kind: 'ok', prepared: { body: written.body, dropped: written.dropped, road } };
};
