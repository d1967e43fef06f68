import type { Reply } from './run.ts';

/** Not yet translated: the plain layout (revision 0) is sent to every client. */
export const nativeWithRevision = async (reply: Reply, revision: number): Promise<Reply> => {
  void revision;
  return reply;
};
