/**
 * What makes the same tokens cost another price. A call that names another value than a standard one, and for which no list
 * has a price, is priced by its tokens and says `partly_unpriced`, so that nobody takes its cost for the provider's.
 * `docs/providers.md` is generated from this table.
 */

interface Row {
  /** Values that cost nothing beside what the list says. */
  readonly standard: readonly string[];
  readonly why: string;
}

// oxfmt-ignore
export const priceDimensions = {
  service_tier:  { standard: ['auto', 'default', 'standard', 'standard_only', 'on_demand'], why: 'Priority, flex, scale and batch tiers have prices of their own (OpenAI, Anthropic, Groq)' },
  speed:         { standard: ['standard'],                                                  why: "Anthropic's fast mode" },
  inference_geo: { standard: ['global', 'not_available'],                                   why: 'Anthropic bills inference in one region by a factor' },
  web_search:    { standard: [],                                                            why: 'Searches are sold by the call; asked for by `web_search_options`, or done by models made for it' },
  server_tools:  { standard: [],                                                            why: 'Tools that run at the provider and are billed by time or by call, such as code execution' },
  reported_cost: { standard: [],                                                            why: 'The provider says what the call cost, with fees that no token shows; OpenRouter and xAI are believed (`provider_reported`)' },
} as const satisfies Record<string, Row>;

export type PriceDimension = keyof typeof priceDimensions;

/** Names of models that search the web on every call: parts of their names. */
export const searchModels = ['search-preview', 'search-api', 'sonar', ':online'] as const;

/** Units that cost nothing: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-fetch-tool#usage-and-pricing */
export const freeUnits: readonly string[] = ['web_fetches'];
