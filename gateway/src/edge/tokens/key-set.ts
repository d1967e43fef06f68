/**
 * The public keys of one issuer, kept: had at the start, again every ten minutes, and when a token names a key that is not among
 * them. They serve for as long as the issuer is away; what it has taken out is gone with the next answer.
 */
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { isObject, listAt, parseObject } from '../../model/json.ts';
import { NoKeys, type KeySource } from './read-keys.ts';

/** One answer of an issuer. Another one that says the same is the same value. */
export interface Keys {
  readonly find: ReturnType<typeof createLocalJWKSet>;
}

export interface KeySetWorld {
  /** The text of the key set. Rejects with `NoKeys`. */
  read(source: KeySource): Promise<string>;
  /** Monotonic clock. */
  nowMs(): number;
  /** Runs something later; what is returned keeps it from running. */
  later(run: () => void, afterMs: number): () => void;
  onRefreshed(result: 'changed' | 'unchanged'): void;
  onFailed(error: NoKeys): void;
}

const everyMs = 10 * 60_000;
/** After a failure; tokens ask too, and more often while there are no keys at all. */
const againMs = 30_000;
/** Between two questions that tokens with unknown keys cause: anybody can send such tokens. */
const unknownKeyRestMs = 30_000;
const noKeysRestMs = 1_000;
const maxKeys = 200;

/** Keys that sign; what is symmetric would be known to everybody who may read it. */
const keysOf = (text: string): Keys => {
  const parsed = parseObject(text);
  if (parsed === null || !Array.isArray(parsed['keys']))
    throw new NoKeys('the answer is no key set');
  const keys = listAt(parsed, 'keys').filter(
    (key) => isObject(key) && typeof key['kty'] === 'string' && key['kty'] !== 'oct',
  );
  if (keys.length > maxKeys) throw new NoKeys(`the key set has more than ${maxKeys} keys`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- jose judges each key when a token names it
  return { find: createLocalJWKSet({ keys } as unknown as JSONWebKeySet) };
};

export class KeySet {
  readonly #source: KeySource;
  readonly #world: KeySetWorld;
  #keys: Keys | null = null;
  #text = '';
  #hadMs = -Infinity;
  #askedForTokenMs = -Infinity;
  #asking: Promise<void> | null = null;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(source: KeySource, world: KeySetWorld) {
    this.#source = source;
    this.#world = world;
    this.#ask();
  }

  /** Null: there were none since the start. */
  current(): Keys | null {
    return this.#keys;
  }

  /** Since they were last had; null: never. */
  ageSeconds(): number | null {
    return this.#keys === null ? null : Math.max(0, this.#world.nowMs() - this.#hadMs) / 1000;
  }

  /** The keys after a question to the issuer, if one may be asked now; those that are there otherwise. */
  async renewed(): Promise<Keys | null> {
    const restMs = this.#keys === null ? noKeysRestMs : unknownKeyRestMs;
    const nowMs = this.#world.nowMs();
    if (this.#asking === null && nowMs >= this.#askedForTokenMs + restMs) {
      this.#askedForTokenMs = nowMs;
      this.#ask();
    }
    await this.#asking;
    return this.#keys;
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  /** Only while no other question is under way: the next one is planned when one is answered. */
  #ask(): void {
    this.#cancel?.();
    this.#asking = this.#askOnce().finally(() => {
      this.#asking = null;
    });
  }

  /** Never rejects. */
  async #askOnce(): Promise<void> {
    let nextMs = everyMs;
    try {
      this.#take(await this.#world.read(this.#source));
    } catch (error) {
      nextMs = againMs;
      this.#world.onFailed(error instanceof NoKeys ? error : new NoKeys(String(error)));
    }
    if (!this.#closed) this.#cancel = this.#world.later(() => this.#ask(), nextMs);
  }

  #take(text: string): void {
    const isNew = this.#keys === null || text !== this.#text;
    if (isNew) this.#keys = keysOf(text);
    this.#text = text;
    this.#hadMs = this.#world.nowMs();
    this.#world.onRefreshed(isNew ? 'changed' : 'unchanged');
  }
}
