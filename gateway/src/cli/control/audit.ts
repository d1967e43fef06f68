/** `tollgate audit ...`: who changed what, and is it all there? */
import { brokenLinks, entryIn, noEntries } from '../../control/audit.ts';
import { command } from '../command.ts';
import { fail, reasonOf, say } from '../say.ts';
import { askAll, whereArgs } from './ask.ts';
import { listing } from './listing.ts';

const shownFields = ['number', 'at', 'actor', 'address', 'action', 'kind', 'id', 'refused'];

export const listAudit = listing('/v1/audit', shownFields, 'read the audit');

/** Exit code 1 when an entry was changed, taken away or put in. */
export const verifyAudit = command({
  args: whereArgs,
  run: async ({ args: { url, json } }) => {
    try {
      const shown = await askAll(url, '/v1/audit');
      const entries = shown.flatMap((one) => entryIn(one) ?? []);
      const problems = [
        ...(entries.length < shown.length
          ? [`${shown.length - entries.length} entries cannot be read`]
          : []),
        ...brokenLinks(entries, noEntries),
      ];
      const ok = problems.length === 0;
      if (!ok) process.exitCode = 1;
      if (json === true) return say(JSON.stringify({ ok, entries: entries.length, problems }));
      for (const problem of problems) say(problem);
      say(
        ok
          ? `${entries.length} entries, each linked to the one before it`
          : `${problems.length} problems`,
      );
    } catch (error) {
      fail(`cannot verify the audit: ${reasonOf(error)}`, json === true);
    }
  },
});
