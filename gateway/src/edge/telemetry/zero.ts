/**
 * Series known from the configuration, made before anything is counted: a counter that is born at 1 is invisible to
 * `increase()`, so a first error would raise no alert.
 */
import type { Config } from '../../config/config.ts';
import { refusalOf, type Foreign } from '@tollgate/listener/foreign.ts';
import { cuts } from '../../decide/told.ts';
import { authFailures } from '../../decide/unidentified.ts';
import { outcomes, type OutcomeKind } from '../../contract/outcomes.ts';
import type { FaultKind } from '../../model/fault.ts';
import type { MetricStore } from './store.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
const foreignReasons = Object.keys(refusalOf) as Foreign[];
const faultKinds = [
  'server',
  'rate_limited',
  'timeout',
  'network',
  'auth',
  'caller',
  'gateway',
] as const satisfies readonly FaultKind[];
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
const outcomeKinds = Object.keys(outcomes) as OutcomeKind[];

/** Limits of the configuration that refuse something. */
const limits = [
  'body',
  'request',
  'callsInFlight',
  'bodiesInFlight',
  'bodiesPerKey',
  'connections',
  'strangersPerAddress',
];

/** Makes them at 0; those that exist keep their value. A pattern's models are not known before they are called. */
export const zero = (store: MetricStore, config: Config): void => {
  for (const { name, targets } of config.models) {
    for (const target of targets) {
      const model = target.model ?? name;
      if (model.endsWith('*')) continue;
      const { provider } = target;
      store.add('attempts', { provider, model, result: 'ok', error: '' }, 0);
      for (const error of faultKinds)
        store.add('attempts', { provider, model, result: 'error', error }, 0);
      store.add('unpriced', { provider, model }, 0);
      store.addMoney('modelCost', { provider, model }, 0n);
    }
  }
  for (const { caller } of config.keys) {
    const who = { caller_team: caller.team, caller_app: caller.app };
    for (const outcome of outcomeKinds) store.add('calls', { ...who, outcome }, 0);
    store.addMoney('cost', who, 0n);
  }
  for (const provider of config.providers.keys()) {
    store.move('inflight', { provider }, 0);
    store.move('openStreams', { provider }, 0);
    store.add('impossibleUsage', { provider }, 0);
    for (const what of cuts) store.add('providerCuts', { provider, what }, 0);
  }
  for (const outcome of outcomeKinds) store.add('unwritten', { outcome }, 0);
  for (const limit of limits) store.add('limitHits', { limit }, 0);
  for (const result of ['exported', 'dropped', 'failed']) store.add('spans', { result }, 0);
  for (const result of ['written', 'present', 'failed'])
    store.add('priceCatalogWrites', { result }, 0);
  store.add('slowReaders', {}, 0);
  for (const result of ['applied', 'restart_needed', 'rejected'])
    store.add('configReloads', { result }, 0);
  for (const reason of authFailures) store.add('authFailures', { reason }, 0);
  for (const { name: issuer } of config.issuers)
    for (const result of ['changed', 'unchanged', 'failed'])
      store.add('issuerRefreshes', { issuer, result }, 0);
  for (const reason of foreignReasons) store.add('foreignRequests', { reason }, 0);
};
