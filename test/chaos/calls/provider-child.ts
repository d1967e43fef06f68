/**
 * The providers, a process of their own: fakes over real sockets, which fail as they please and write down every request that
 * was whole, when it is over. It ends with SIGTERM, its journal whole.
 */
import { startAnthropic } from '../../fakes/anthropic.ts';
import type { Served } from '../../fakes/journal.ts';
import { startOpenai } from '../../fakes/openai.ts';
import type { Journaled, ProviderName } from './evidence.ts';
import { logFile } from './log-file.ts';
import { providing } from './plan.ts';

const { CHAOS_JOURNAL: path = '', CHAOS_SEED: seed = '1' } = process.env;
const journal = logFile(path);

const fakeOf = (provider: ProviderName, number: number) => ({
  script: providing(Number(seed) + number, provider),
  over(served: Served): void {
    journal.add({
      provider,
      traceparent: served.headers.traceparent,
      at: served.at,
      path: served.path,
      status: served.status,
      usage: served.usage,
      usageSent: served.usageSent,
      isWhole: served.isWhole,
      stopSent: served.stopSent,
      errorSent: served.errorSent,
      bodyBytesSent: served.bodyBytesSent,
      ended: served.ended,
    } satisfies Journaled);
  },
});

const [openai, anthropic] = [
  await startOpenai(fakeOf('openai', 1)),
  await startAnthropic(fakeOf('anthropic', 2)),
];
process.once('SIGTERM', () => {
  void Promise.all([openai.close(), anthropic.close()]).then(() => {
    journal.end();
    process.exit(0);
  });
});
process.stdout.write(
  `${JSON.stringify({ ready: true, openai: openai.origin, anthropic: anthropic.origin })}\n`,
);
