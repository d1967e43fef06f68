/** What the control store holds: keys and budgets that were made by API, as they are kept and as they are shown. */
import type { BudgetFields } from '../config/budget-of.ts';
import type { JsonObject } from '../model/json.ts';

/** What a secret of a key is known by. */
export interface SecretHash {
  /** Hex, keyed (`hash.ts`). */
  readonly hash: string;
  /** Epoch milliseconds; null: as long as the key. Others are being phased out. */
  readonly untilMs: number | null;
}

export interface KeyRecord {
  readonly kind: 'key';
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  readonly team: string;
  readonly application: string;
  readonly namespace: string;
  readonly environment: string;
  readonly costCenter: string;
  /** Null: all. */
  readonly models: readonly string[] | null;
  readonly limits: {
    readonly requestsPerMinute?: number;
    readonly tokensPerMinute?: number;
    readonly parallelCalls?: number;
  };
  readonly metadata: JsonObject;
  /** Epoch milliseconds; null: never. */
  readonly expiresAtMs: number | null;
  /** How its secret begins, for people. */
  readonly prefix: string;
  readonly hashes: readonly SecretHash[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface BudgetRecord {
  readonly kind: 'budget';
  readonly id: string;
  readonly fields: BudgetFields;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export type ControlRecord = KeyRecord | BudgetRecord;
export type RecordKind = ControlRecord['kind'];

/** Who changes something. */
export interface Actor {
  /** The id of the administrator's key. */
  readonly name: string;
  /** Where the request came from. */
  readonly address: string;
}
