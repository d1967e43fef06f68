/** SQLite for Kysely, in a thread of its own. One connection, so one transaction at a time. */
import { Worker } from 'node:worker_threads';
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
} from 'kysely';

export interface Question {
  readonly id: number;
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export type Answer =
  | { readonly id: number; readonly rows: readonly object[]; readonly changes: number }
  | { readonly id: number; readonly error: string };

/** Its questions are answered in order. */
class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  constructor(path: string) {
    this.#worker = new Worker(new URL('./sqlite-thread.ts', import.meta.url), {
      name: 'control',
      workerData: path,
      // What the process preloads is for the process, and so is its environment.
      execArgv: [],
      env: {},
    });
    this.#worker.on('message', (answer: Answer) => this.#tell(answer));
    this.#worker.on('error', (error) => this.#end(String(error)));
    this.#worker.on('exit', () => this.#end('the thread of the control store has ended'));
  }

  ask(sql: string, parameters: readonly unknown[]): Promise<Answer> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((told) => {
      this.#waiting.set(id, told);
      this.#worker.postMessage({ id, sql, parameters } satisfies Question);
    });
  }

  async close(): Promise<void> {
    const gone = new Promise((over) => this.#worker.once('exit', over));
    this.#worker.postMessage('close');
    await gone;
  }

  #tell(answer: Answer): void {
    const told = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    told?.(answer);
  }

  #end(error: string): void {
    for (const [id, told] of this.#waiting) told({ id, error });
    this.#waiting.clear();
  }
}

class ThreadConnection implements DatabaseConnection {
  readonly #thread: Thread;

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const answer = await this.#thread.ask(sql, parameters);
    if ('error' in answer) throw new Error(answer.error);
    return {
      // Kysely's types say what a query selects; SQLite answers that.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      rows: answer.rows as R[],
      numAffectedRows: BigInt(answer.changes),
    };
  }

  // oxlint-disable-next-line require-yield -- nothing here is so large
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the control store does not stream');
  }
}

class ThreadDriver implements Driver {
  readonly #path: string;
  #thread: Thread | null = null;
  #connection: ThreadConnection | null = null;
  /** Whoever has the connection, and those who wait for it. */
  #last: Promise<void> = Promise.resolve();
  #release: () => void = () => {};

  constructor(path: string) {
    this.#path = path;
  }

  init(): Promise<void> {
    this.#thread = new Thread(this.#path);
    this.#connection = new ThreadConnection(this.#thread);
    return Promise.resolve();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    this.#release = resolve;
    if (this.#connection === null) throw new Error('the control store is closed');
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // Others wait from here on, also those of other processes.
    await connection.executeQuery(CompiledQuery.raw('BEGIN IMMEDIATE'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  releaseConnection(): Promise<void> {
    this.#release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    await this.#thread?.close();
    this.#thread = null;
    this.#connection = null;
  }
}

/** @param path of the file; it is made when it is not there */
export const sqliteDialect = (path: string): Dialect => ({
  createDriver: () => new ThreadDriver(path),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  createAdapter: () => new SqliteAdapter(),
  createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
});
