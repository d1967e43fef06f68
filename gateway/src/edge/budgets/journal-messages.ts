/** What goes between the gateway and the thread that keeps what was used. */
import type { KeptUse } from '../../decide/budgets/budgets.ts';

/** Up to this row of a life all is in it. */
export interface Applied {
  readonly replica: string;
  readonly seq: number;
}

/** Both at once, or neither. */
export interface Write {
  readonly uses: readonly KeptUse[];
  readonly applied: readonly Applied[];
  readonly nowMs: number;
}

export type Answer =
  | {
      readonly kind: 'loaded';
      readonly uses: readonly KeptUse[];
      readonly applied: readonly Applied[];
    }
  | { readonly kind: 'written' }
  | { readonly kind: 'failed'; readonly message: string };
