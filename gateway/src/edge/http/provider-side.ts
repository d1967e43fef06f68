/** The providers' side of one call: its intent in the ledger, its requests, what an error says of them. */
import type { IncomingHttpHeaders } from 'node:http';
import { guessInputTokens } from '../../decide/estimate.ts';
import { noCredentialFault, stoppedFault } from '../../decide/faults.ts';
import { headerText } from '../../decide/header-text.ts';
import { keysIn } from '../../decide/identify.ts';
import { droppedHeader } from '../../decide/response-headers.ts';
import { scrubber, type Scrub } from '../../decide/scrub.ts';
import type { Effects, Opened } from '../../flow/effects.ts';
import type { Arrival } from '../../model/arrival.ts';
import type { Target } from '../../model/call.ts';
import type { Attempt, CallFacts } from '../../model/settlement.ts';
import type { Prepared } from '../../translate/request.ts';
import type { ReadBody } from '../bodies/read-body.ts';
import { attemptJson, wholeJson, type Intent } from '../ledger/intent.ts';
import { putIntent } from '../ledger/stored-intent.ts';
import type { Runtime } from '../runtime.ts';
import { RunningAttempt } from '../upstream/attempt.ts';
import { unsent } from '../upstream/unsent.ts';
import { NoCredential } from '../upstream/credentials.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { attemptOptions } from './attempt-options.ts';
import type { Client } from './client.ts';
import type { Services } from './services.ts';

/** No call is made without a credential. @throws whatever is no lack of one */
const noneOf = (error: unknown): null => {
  if (error instanceof NoCredential) return null;
  throw error;
};

export interface ProviderSideOptions {
  readonly services: Services;
  readonly runtime: Runtime;
  readonly arrival: Arrival;
  readonly client: Client;
  /** Of the client's request. */
  readonly headers: IncomingHttpHeaders;
}

export class ProviderSide implements Pick<Effects, 'intend' | 'open' | 'keep'> {
  readonly #with: ProviderSideOptions;
  #bodyBytes = 0;
  #body: Pick<ReadBody, 'inputTokens'> | null = null;
  #prepared: ReadonlyMap<Target, Prepared> = new Map();
  #inputTokens: number | null = null;
  #isIntended = false;
  /** Where the reply comes from; null: no provider brings it. */
  served: Upstream | null = null;
  #forgetStop: (() => void) | null = null;
  /** Made when a provider first has something to say of an error. */
  #withoutKey: Scrub | null = null;

  constructor(options: ProviderSideOptions) {
    this.#with = options;
  }

  /** The body was read. */
  hasRead(body: Pick<ReadBody, 'inputTokens'>, bodyBytes: number): void {
    this.#body = body;
    this.#bodyBytes = bodyBytes;
  }

  /** What each target is sent. */
  hasPrepared(prepared: ReadonlyMap<Target, Prepared>): void {
    this.#prepared = prepared;
  }

  intend(facts: CallFacts, target: Target, previous: Attempt | null): Promise<boolean> {
    const { services, runtime } = this.#with;
    const { spool } = services;
    const { account, genAiProvider } = runtime.upstream(target.provider);
    const next = { target, account, genAiProvider };
    if (!this.#isIntended) {
      this.#isIntended = true;
      const estimatedInputTokens = guessInputTokens(this.#bodyBytes);
      const intent: Intent = { call: facts, ...next, estimatedInputTokens };
      return spool.intend(facts.id, (out) => putIntent(out, intent));
    }
    if (previous === null) return Promise.resolve(true);
    const further = `{"previous":${attemptJson(previous)},"next":${JSON.stringify(next)}}`;
    return spool.further(facts.id, further);
  }

  async open(facts: CallFacts, target: Target): Promise<Opened> {
    const { services, runtime, arrival, client, headers } = this.#with;
    const prepared = this.#prepared.get(target);
    if (prepared === undefined) throw new Error(`target ${target.provider} was not prepared`);
    const upstream = runtime.upstream(target.provider);
    const had = upstream.credentials.current();
    const credentials = had instanceof Promise ? await had.catch(noneOf) : had;
    const options = attemptOptions({
      services,
      runtime,
      arrival,
      facts,
      headers,
      target,
      prepared,
      credentials: credentials ?? {},
      clean: (text) => this.#clean(text),
      inputTokens: () => (this.#inputTokens ??= this.#body?.inputTokens() ?? 0),
    });
    services.store.move('inflight', { provider: target.provider }, 1);
    if (credentials === null) return unsent(options, noCredentialFault);
    if (client.isStopped()) return unsent(options, stoppedFault(0, false));
    const attempt = new RunningAttempt(options);
    const forgetGone = client.onGone(() => attempt.leave());
    this.#forgetStop = client.onStopped(() => attempt.stop());
    if (client.gone()) attempt.leave();
    const opened = await attempt.opened;
    forgetGone();
    if (opened.kind === 'begun') this.served = upstream;
    else this.#forgetStop?.();
    return opened;
  }

  keep({ id }: CallFacts, attempt: Attempt): Promise<boolean> {
    const { services, arrival } = this.#with;
    const elapsedMs = Math.round(performance.now() - arrival.startedMs);
    return services.spool.durableProgress(id, wholeJson(elapsedMs, attempt));
  }

  /** The gateway's end is no news to this call any more. */
  over(): void {
    this.#forgetStop?.();
  }

  #clean(text: string): string {
    const { headers, runtime } = this.#with;
    this.#withoutKey ??= scrubber(keysIn(headers));
    return this.#withoutKey(runtime.clean(text));
  }

  /** What an error says of the tries that came before it. */
  triesHeaders(attempts: readonly Attempt[]): Readonly<Record<string, string>> {
    const last = attempts.at(-1);
    if (last === undefined) return {};
    const { target } = last;
    const { headers, runtime } = this.#with;
    return {
      'x-tollgate-provider': target.provider,
      'x-tollgate-model': headerText(target.model),
      'x-tollgate-attempts': String(attempts.length),
      ...droppedHeader(
        headers,
        runtime.upstream(target.provider).provider.forwardedHeaders,
        this.#prepared.get(target)?.dropped ?? [],
      ),
    };
  }
}
