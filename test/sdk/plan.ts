/** The table as tasks for clients. */
import { randomBytes } from 'node:crypto';
import { testKey } from '../fakes/gateway.ts';
import { scenarios, sdks, type Language, type Scenario, type Sdk } from './table.ts';
import type { Task } from './task.ts';

/** What is asked of one client, and how it can be found again in journals and ledger. */
export interface Asked {
  readonly language: Language;
  readonly sdk: Sdk;
  readonly scenario: Scenario;
  readonly direct: Task | null;
  readonly through: Task;
}

const models = { openai: 'gpt-4o-mini', anthropic: 'claude-haiku-4-5' } as const;

const taskOf = (sdk: Sdk, { ask }: Scenario, origin: string): Task => {
  const id = randomBytes(16).toString('hex');
  return {
    id,
    sdk,
    origin,
    key: ask.stranger === 'key' ? 'tg-nobody' : testKey,
    model: ask.stranger === 'model' ? 'nothing' : models[sdk],
    content: JSON.stringify({ script: ask.script }),
    traceparent: `00-${id}-00f067aa0ba902b7-01`,
    stream: ask.stream === true,
    patient: ask.patient === true,
  };
};

/** Every row of the table, for the SDKs of one language. */
export const planFor = (
  language: Language,
  origins: Readonly<Record<Sdk, string>>,
  gateway: string,
): readonly Asked[] =>
  sdks.flatMap((sdk) =>
    scenarios.map((scenario) => ({
      language,
      sdk,
      scenario,
      through: taskOf(sdk, scenario, gateway),
      direct: scenario.requests.direct === null ? null : taskOf(sdk, scenario, origins[sdk]),
    })),
  );
