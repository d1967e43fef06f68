/** The rows of a run, put aside in `tollgate.correction_plans` before the first of them goes to the ledger. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { Chain, rowHash } from '../../../decide/chain.ts';
import { correctionRow, type CorrectionSource } from '../../../projections/correction.ts';

/** Of one insert at most: so few rows and bytes that the server makes one block of them, which is there whole or not at all. */
export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
}
export const batchLimits: BatchLimits = { rows: 5_000, bytes: 4 * 2 ** 20 };

const insertQuery =
  'INSERT INTO tollgate.correction_plans (plan, batch, seq, line) FORMAT JSONCompactEachRow';

/** Takes rows in the order of time. */
export class Plan {
  readonly #client: Client;
  readonly #run: CorrectionSource['run'];
  readonly #plan: string;
  readonly #limits: BatchLimits;
  readonly #chain: Chain;
  #lines: Buffer[] = [];
  #bytes = 0;
  #month = '';
  #head = '';
  #batches = 0;
  #rows = 0;

  /** @param before what vouches for the run before; @param plan names these lines */
  constructor(
    client: Client,
    run: CorrectionSource['run'],
    {
      before,
      plan,
      limits,
    }: { readonly before: string; readonly plan: string; readonly limits: BatchLimits },
  ) {
    this.#limits = limits;
    this.#client = client;
    this.#run = run;
    this.#plan = plan;
    this.#chain = new Chain(run.run, before);
  }

  /** @param month of the call: a block of rows of two months would be two. @throws Error with ClickHouse's words */
  async add(source: Omit<CorrectionSource, 'run' | 'seq' | 'chain'>, month: string): Promise<void> {
    const { rows, bytes } = this.#limits;
    if (month !== this.#month || this.#lines.length >= rows || this.#bytes >= bytes)
      await this.#endBatch();
    this.#month = month;
    const seq = this.#rows + 1;
    const { json, lasting } = correctionRow({
      ...source,
      run: this.#run,
      seq,
      chain: this.#chain.said(),
    });
    this.#chain.add(seq, rowHash(lasting));
    const line = Buffer.from(JSON.stringify([this.#plan, this.#batches + 1, seq, json]));
    this.#lines.push(line);
    this.#bytes += line.length;
    this.#rows = seq;
  }

  /** All rows are there. @throws Error with ClickHouse's words */
  async end(): Promise<{ readonly rows: number; readonly batches: number; readonly head: string }> {
    await this.#endBatch();
    return { rows: this.#rows, batches: this.#batches, head: this.#head };
  }

  async #endBatch(): Promise<void> {
    if (this.#lines.length === 0) return;
    const rows = this.#lines;
    [this.#lines, this.#bytes] = [[], 0];
    this.#batches += 1;
    this.#head = this.#chain.seal() ?? this.#head;
    const token = `correction_plans/${this.#plan}/${this.#batches}`;
    const inserted = await insertOnce(this.#client, { query: insertQuery, rows, token });
    if (inserted.kind !== 'done') throw new Error(inserted.message);
  }
}
