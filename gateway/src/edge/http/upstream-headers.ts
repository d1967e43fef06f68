import type { IncomingHttpHeaders } from 'node:http';
import { traceparentFor } from '../../decide/trace-context.ts';
import { header } from '../../model/headers.ts';
import type { TraceContext } from '../../model/settlement.ts';
import type { Provider } from '../../providers/provider.ts';

/** The headers of a request to a provider: the provider's own, those of the client that it understands, and the trace. */
export const upstreamHeaders = (
  own: Readonly<Record<string, string>>,
  {
    provider,
    headers,
    stream,
    trace,
    spanId,
  }: {
    readonly provider: Pick<Provider, 'forwardedHeaders'>;
    /** Of the client. */
    readonly headers: IncomingHttpHeaders;
    readonly stream: boolean;
    /** Null: it is not told the provider. */
    readonly trace: TraceContext | null;
    readonly spanId: string;
  },
): Record<string, string> => {
  const sent: Record<string, string> = {
    accept: stream ? 'text/event-stream' : 'application/json',
    // Without it a server may send any: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
    'accept-encoding': 'identity',
    ...own,
  };
  for (const name of provider.forwardedHeaders) {
    const value = header(headers, name);
    if (value !== undefined) sent[name] = value;
  }
  if (trace !== null) {
    sent['traceparent'] = traceparentFor(trace.traceId, spanId);
    if (trace.traceState !== null) sent['tracestate'] = trace.traceState;
  }
  return sent;
};
