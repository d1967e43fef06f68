import type { DialectName } from '../model/call.ts';
import type { Effort } from '../model/chat.ts';

// How hard to think is a wish that a model may not know, and a provider then refuses the whole request. It steers the
// work, not what is asked, so it is left out where a model is known not to take it.

interface Models {
  /** Take an effort. */
  readonly taking: RegExp;
  /** Refuse a request that names one. */
  readonly refusing: RegExp;
}

/**
 * By the beginning of a model's name, without a vendor's prefix.
 * https://platform.openai.com/docs/guides/reasoning, https://docs.anthropic.com/en/docs/build-with-claude/effort
 */
export const effortModels = {
  openai: {
    taking: /^(o1(?!-mini|-preview)|o3|o4-mini|gpt-5(?!-chat)|gpt-oss)/,
    refusing: /^(gpt-4|gpt-3|chatgpt-|gpt-5-chat|o1-mini|o1-preview|demo)/,
  },
  anthropic: {
    taking: /^claude-(opus-4-[5-9]|sonnet-4-[6-9])/,
    refusing:
      /^claude-([23]|instant|haiku-4-5|sonnet-4-5|sonnet-4-0|sonnet-4-2|opus-4-[01]|opus-4-2)/,
  },
} as const satisfies Record<DialectName, Models>;

/** Does a model take an effort? Null: nothing is known of it. */
export const takesEffort = (dialect: DialectName, model: string): boolean | null => {
  const { taking, refusing } = effortModels[dialect];
  const name = model.toLowerCase().replace(/^.*\//, '');
  if (refusing.test(name)) return false;
  return taking.test(name) ? true : null;
};

/** The effort that a budget of tokens for thinking amounts to: Anthropic's smallest is 1,024, and 32,000 is its "think harder". */
export const effortOfBudget = (tokens: number): Effort =>
  tokens < 4_096 ? 'low' : tokens < 16_384 ? 'medium' : 'high';
