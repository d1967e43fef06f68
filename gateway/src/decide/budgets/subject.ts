import { each, type Budget, type Subject } from '../../model/budget.ts';
import type { Caller, Target } from '../../model/call.ts';
import type { CallFacts } from '../../model/settlement.ts';

/** A call as budgets look at it. @param model the name asked for @param targets where it may go */
export const subjectOf = (
  { identity, trace }: Pick<CallFacts, 'identity' | 'trace'>,
  caller: Caller,
  model: string,
  targets: readonly Target[],
): Subject => ({
  organization: caller.org,
  team: caller.team,
  application: caller.app,
  key: caller.keyId,
  namespace: caller.namespace,
  environment: caller.environment,
  costCenter: caller.costCenter,
  user: identity.user,
  agent: identity.agent,
  session: identity.session,
  trace: trace.traceId,
  tags: identity.tags,
  models: [model, ...targets.map((target) => target.model)],
});

/** Budgets whose end users are named as they are written down. */
export const withWrittenUsers = (
  budgets: readonly Budget[],
  userName: (name: string) => string,
): readonly Budget[] =>
  budgets.map((budget) => ({
    ...budget,
    scope: budget.scope.map((part) =>
      part.dimension === 'user' && part.value !== each
        ? { ...part, value: userName(part.value) }
        : part,
    ),
  }));
