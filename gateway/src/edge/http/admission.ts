/** Bytes and headers -> a call that may be made, or the problem with it. */
import type { IncomingHttpHeaders } from 'node:http';
import { identity, type Identities } from '../../decide/identity.ts';
import { mayUse, usableModels } from '../../decide/plan.ts';
import type { Ask, Caller, Problem, Target } from '../../model/call.ts';
import type { Identity } from '../../model/settlement.ts';
import type { Runtime } from '../runtime.ts';
import { header, writtenHeader } from './arrival.ts';

export interface Admitted {
  readonly kind: 'admitted';
  readonly identity: Identity;
  readonly ask: Ask;
  readonly targets: readonly Target[];
}

export interface Refused {
  readonly kind: 'refused';
  readonly identity: Identity;
  readonly ask: Ask | null;
  readonly problem: Problem;
}

/** Names listed in an error; a caller with hundreds of models gets the first ones. */
const maxListed = 50;

/** A model's name goes into headers, labels and rows: bounded, without control characters and broken surrogates. */
const maxModelChars = 256;
const modelName = /^[^\p{Cc}\p{Cs}]+$/u;

const modelProblem = (model: string): Problem | null =>
  model.length <= maxModelChars && modelName.test(model)
    ? null
    : {
        code: 'invalid_value',
        message: `\`model\` must be a name of at most ${maxModelChars} characters, none of them a control character.`,
        param: 'model',
      };

/** Who acts on whose behalf in a call, by its headers. */
export const identityOf = (headers: IncomingHttpHeaders, maxTags: number): Identities =>
  identity(
    {
      agent: writtenHeader(headers, 'x-tollgate-agent'),
      session: writtenHeader(headers, 'x-tollgate-session'),
      user: writtenHeader(headers, 'x-tollgate-user'),
      tags: writtenHeader(headers, 'x-tollgate-tags'),
      baggage: header(headers, 'baggage'),
    },
    maxTags,
  );

/** May this call be made, and where to? */
export const admit = (options: {
  readonly caller: Caller;
  readonly identity: Identity;
  readonly ask: Ask;
  readonly runtime: Runtime;
}): Admitted | Refused => {
  const { caller, identity, ask, runtime } = options;
  const refused = (problem: Problem, asked: Ask | null): Refused => ({
    kind: 'refused',
    identity,
    ask: asked,
    problem,
  });
  const unnamed = modelProblem(ask.model);
  // Such a name must not reach a row.
  if (unnamed !== null) return refused(unnamed, null);
  const targets = mayUse(caller, ask.model) ? runtime.plan(ask.model) : [];
  if (targets.length === 0) {
    const usable = usableModels(caller, runtime.config.models);
    const listed = usable.slice(0, maxListed).join(', ');
    const more = usable.length > maxListed ? `, and ${usable.length - maxListed} more` : '';
    const message =
      usable.length === 0
        ? 'This key may use no model.'
        : `This key has no model '${ask.model.slice(0, 100)}'. It may use: ${listed}${more}.`;
    return refused({ code: 'model_not_found', message, param: 'model' }, ask);
  }
  return { kind: 'admitted', identity, ask, targets };
};
