/** What one call that came over HTTP may do to the world: the flow's effects, made of its socket, the spool and the providers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identities } from '../../decide/identity.ts';
import type { Identified, Identifying } from '../../decide/identify.ts';
import { usableModels, type Plan } from '../../decide/plan.ts';
import { plain, refusalForFault } from '../../decide/refuse.ts';
import { afterFault, type Next } from '../../decide/retry.ts';
import type { BodyMemory, Share } from '../../decide/body-memory.ts';
import type {
  AskedFor,
  Delivering,
  Delivery,
  Effects,
  Got,
  Opened,
  Request,
} from '../../flow/effects.ts';
import type { Step } from '../../flow/step.ts';
import type { Arrival } from '../../model/arrival.ts';
import type { Caller, Problem, Target } from '../../model/call.ts';
import type { Fault } from '../../model/fault.ts';
import { header } from '../../model/headers.ts';
import type { Refusal } from '../../model/refusal.ts';
import type { Reply } from '../../model/reply.ts';
import type { Attempt, Settlement } from '../../model/settlement.ts';
import { clientDialects } from '../../dialects/registry.ts';
import type { LargeBodies } from '../bodies/large-bodies.ts';
import { readBody } from '../bodies/read-body.ts';
import { Held } from '../budgets/held.ts';
import type { Runtime } from '../runtime.ts';
import { clientOf, pauseUnlessGone, type Client } from './client.ts';
import type { Connections } from './connections.ts';
import { deliver } from './delivery.ts';
import { rendered } from '../../translate/refusal.ts';
import type { Services } from './services.ts';
import { maxDiscardedBytes, receiveBody, restIsSmall } from './receive.ts';
import { ownHeaders, replyHeaders } from '../../decide/response-headers.ts';
import { requestOf } from './request-body.ts';
import { ProviderSide } from './provider-side.ts';
import { saidIdentity } from './said-identity.ts';
import type { Stop } from './stop.ts';

/** How many calls there are, and whether more may come. */
export interface Traffic {
  /** Counted from its admission, so that bodies on their way are counted too. */
  inFlight: number;
  draining: boolean;
  /** Ends the calls that are still under way. */
  readonly stop: Stop;
}

/** What all calls share. */
export interface DataPlane {
  readonly services: Services;
  readonly steps: readonly Step[];
  readonly traffic: Traffic;
  /** Memory for the bodies of all calls. */
  readonly bodyMemory: BodyMemory;
  /** Of one body. */
  readonly bodyBytes: number;
  readonly large: LargeBodies;
  readonly connections: Connections;
}

export class HttpCall implements Effects {
  readonly arrival: Arrival;
  readonly #plane: DataPlane;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #client: Client;
  /** The configuration in force when it arrived serves it to its end. */
  readonly #runtime: Runtime;
  #caller: Caller | null = null;
  /** The end user that its token vouches for; empty: none does. */
  #user = '';
  #share: Share | null = null;
  readonly #held: Held;
  #leaveRuntime: (() => void) | null = null;
  readonly #providers: ProviderSide;

  constructor(
    plane: DataPlane,
    request: IncomingMessage,
    response: ServerResponse,
    arrival: Arrival,
  ) {
    const { services, traffic } = plane;
    this.arrival = arrival;
    this.#plane = plane;
    this.#request = request;
    this.#response = response;
    this.#runtime = services.runtime();
    this.#held = new Held(services.admission, this.#runtime);
    this.#client = clientOf(response, {
      slowReaderMs: this.#runtime.config.limits.slowReaderMs,
      onSlow: () => services.store.add('slowReaders', {}, 1),
      stop: traffic.stop,
    });
    this.#providers = new ProviderSide({
      services,
      runtime: this.#runtime,
      arrival,
      client: this.#client,
      headers: request.headers,
    });
  }

  get priceVersion(): string {
    return this.#runtime.prices.version;
  }

  nowMs(): number {
    return performance.now();
  }

  identify(): Identifying {
    const { headers } = this.#request;
    const who = this.#runtime.identify(headers.authorization, header(headers, 'x-api-key'));
    if (!(who instanceof Promise)) return this.#identified(who);
    // While a token is verified a reload may come: this call keeps what it began with.
    this.#leaveRuntime ??= this.#runtime.enter();
    return who.then((found) => this.#identified(found));
  }

  #identified(who: Identified): Identified {
    const { services, connections } = this.#plane;
    if (who.kind === 'unknown') services.store.add('authFailures', { reason: who.reason }, 1);
    else {
      this.#caller = who.caller;
      this.#user = who.user;
      connections.known(this.#request.socket);
    }
    return who;
  }

  identity(): Identities {
    return saidIdentity(this.#request.headers, this.#runtime, this.#user);
  }

  enter({ keyId }: Caller): Problem | null {
    const { services, bodyMemory, traffic } = this.#plane;
    if (traffic.draining) return plain('draining');
    if (traffic.inFlight >= this.#runtime.config.limits.callsInFlight) {
      services.store.add('limitHits', { limit: 'callsInFlight' }, 1);
      return plain('too_many_calls');
    }
    const encoding = header(this.#request.headers, 'content-encoding') ?? 'identity';
    if (encoding !== 'identity') return plain('unsupported_media');
    traffic.inFlight += 1;
    this.#share = bodyMemory.share(keyId);
    this.#leaveRuntime ??= this.#runtime.enter();
    return null;
  }

  async receive({ keyId }: Caller): Promise<Got<Request>> {
    const { services, bodyMemory, bodyBytes, large } = this.#plane;
    const { arrival } = this;
    const { config } = this.#runtime;
    if (this.#share === null) throw new Error('a call must enter before its body is read');
    const { requestMs, bodyValues, bodyDepth, bodyKeys } = config.limits;
    const received = await receiveBody(
      this.#request,
      this.#share,
      { bodyBytes, requestMs },
      services.store,
    );
    services.store.set('bodyBytes', {}, bodyMemory.takenBytes());
    if (received.kind === 'bad') {
      if (received.isSlow) this.#response.shouldKeepAlive = false;
      return received;
    }
    const { bytes } = received;
    const { dialect, operation } = arrival;
    const body = await readBody(
      keyId,
      bytes,
      { dialect, operation, limits: { values: bodyValues, depth: bodyDepth, keys: bodyKeys } },
      large,
    );
    if (body.kind === 'bad') return body;
    this.#providers.hasRead(body, bytes.length);
    const request = requestOf(body, bytes, {
      arrival,
      runtime: this.#runtime,
      onPrepared: (prepared) => this.#providers.hasPrepared(prepared),
    });
    return { kind: 'ok', value: request };
  }

  reserve(call: AskedFor): Refusal | null {
    return this.#held.reserve(call);
  }

  extend(target: Target, made: readonly Attempt[]): Refusal | null {
    return this.#held.extend(target, made);
  }

  plan(model: string): Plan {
    return this.#runtime.plan(model);
  }

  usable(caller: Caller): readonly string[] {
    return usableModels(caller, this.#runtime.config.models);
  }

  hungUp(): boolean {
    return this.#client.gone();
  }

  intend(...asked: Parameters<Effects['intend']>): Promise<boolean> {
    return this.#providers.intend(...asked);
  }

  open(...asked: Parameters<Effects['open']>): Promise<Opened> {
    return this.#providers.open(...asked);
  }

  keep(...asked: Parameters<Effects['keep']>): Promise<boolean> {
    return this.#providers.keep(...asked);
  }

  next(fault: Fault, tries: Parameters<Effects['next']>[1]): Next {
    return afterFault(fault, tries, this.#runtime.config.retry, Math.random());
  }

  pause(ms: number): Promise<void> {
    return pauseUnlessGone(this.#client, ms);
  }

  deliver(reply: Reply, delivering: Delivering): Promise<Delivery> {
    const { arrival } = this;
    const { served } = this.#providers;
    const { store } = this.#plane.services;
    return deliver({
      client: this.#client,
      reply,
      delivering,
      holdMs: served?.timeouts.holdMs ?? Infinity,
      headers: (whole) =>
        replyHeaders(reply.head(), { arrival, delivering, whole, nowMs: performance.now() }),
      onStream(open) {
        if (served !== null) store.move('openStreams', { provider: served.name }, open ? 1 : -1);
      },
      failed: (fault) =>
        Buffer.from(
          clientDialects[arrival.dialect].streamError(refusalForFault(fault, arrival.dialect)),
        ),
    });
  }

  settle(settlement: Settlement): Promise<boolean> {
    this.#held.settle(settlement);
    return new Promise((written) => {
      this.#plane.services.settle(settlement, written);
    });
  }

  async refuse(refusal: Refusal, attempts: readonly Attempt[]): Promise<void> {
    const client = this.#client;
    if (client.gone() || client.begun()) return;
    const mostBytes = this.#caller === null ? maxDiscardedBytes : this.#plane.bodyBytes;
    if (!restIsSmall(this.#request, mostBytes)) this.#response.shouldKeepAlive = false;
    const { headers, body } = rendered(refusal, this.arrival.dialect);
    client.begin(refusal.status, {
      ...ownHeaders(this.arrival),
      ...this.#providers.triesHeaders(attempts),
      ...headers,
    });
    await client.end(body);
  }

  bug(error: unknown): void {
    this.#plane.services.log.error(
      { call_id: this.arrival.id, err: error },
      'a bug ended this call',
    );
  }

  /** Gives back all that the call had. */
  over(): void {
    // A call that a bug kept from being settled holds nothing either.
    this.#held.settle(null);
    const { services, bodyMemory, traffic } = this.#plane;
    this.#providers.over();
    // Whatever went wrong, nobody waits for an answer that will not come.
    if (!this.#response.writableEnded) this.#response.destroy();
    this.#leaveRuntime?.();
    if (this.#share === null) return;
    traffic.inFlight -= 1;
    this.#share.release();
    services.store.set('bodyBytes', {}, bodyMemory.takenBytes());
  }
}
