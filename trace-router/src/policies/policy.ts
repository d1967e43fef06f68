import type { Static, TObject } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Vote, Voter } from '../model/decision.ts';
import type { TraceFacts } from '../model/trace.ts';

/**
 * What the rest of the router sees of a policy. Names and settings are those of the collector's tail_sampling
 * processor, so that one policy file drives both:
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/tailsamplingprocessor
 */
export interface Policy {
  /** The `type` in the configuration, and the key of its settings. */
  readonly type: string;
  readonly settings: TObject;
  /** Makes checked settings a voter; text: what is wrong with them that the schema cannot say. */
  configure(name: string, settings: unknown): Voter | string;
}

/** What the author of a policy writes. */
interface Definition<S extends TObject> {
  readonly type: string;
  readonly settings: S;
  readonly mayDrop?: (settings: Static<S>) => boolean;
  readonly keys?: (settings: Static<S>) => readonly string[];
  readonly problem?: (settings: Static<S>) => string | null;
  /** Prepares the settings once; what it returns is called for every trace. */
  readonly voter: (settings: Static<S>) => (facts: TraceFacts, nowMs: number) => Vote;
}

/** Makes a policy of its definition; the type of the settings stops here. */
export const policy = <S extends TObject>(definition: Definition<S>): Policy => {
  const validator = Compile(definition.settings);
  return {
    type: definition.type,
    settings: definition.settings,
    configure(name, settings) {
      if (!validator.Check(settings)) return 'does not match its schema';
      const problem = definition.problem?.(settings) ?? null;
      if (problem !== null) return problem;
      return {
        name,
        keys: definition.keys?.(settings) ?? [],
        mayDrop: definition.mayDrop?.(settings) ?? false,
        vote: definition.voter(settings),
      };
    },
  };
};

export const abstain: Vote = { kind: 'abstain' };
