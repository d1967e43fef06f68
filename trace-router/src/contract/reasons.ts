/**
 * Why a trace was kept or dropped, and why it was decided at that moment. Every decision carries one of each;
 * `trace_router_decisions_total` counts them.
 */

/** What the deciding policy saw. */
// oxfmt-ignore
export const reasons = {
  always:       'the policy keeps every trace',
  status:       'a span has one of the wanted status codes',
  latency:      'the trace took longer than the threshold',
  numeric:      'a span or resource attribute lies in the wanted range',
  string:       'a span or resource attribute has one of the wanted texts',
  boolean:      'a span or resource attribute has the wanted truth value',
  inverted:     'an inverted policy: the attribute did not match',
  excluded:     'an inverted policy: the attribute matched, so the trace is dropped',
  probability:  'the randomness of the trace id lies within the sampling percentage',
  rate:         'the rate limit had room',
  no_policy:    'no policy wanted the trace',
  remembered:   'a late span: its trace was decided before',
} as const;
export type Reason = keyof typeof reasons;

/** What made it time to decide. */
// oxfmt-ignore
export const triggers = {
  root:      'the root span came, and the grace after it has passed',
  timeout:   'the decision wait has passed',
  memory:    'too many traces or bytes were open: the oldest is decided on what has come so far',
  size:      'the trace alone reached its size limit',
  shutdown:  'the router is stopping: decided on what has come so far',
  late:      'the trace was decided before this span came',
} as const;
export type Trigger = keyof typeof triggers;
