import type { ChatCall } from '../../../model/chat.ts';
import type { JsonObject } from '../../../model/json.ts';
import type { Checked } from '../dialect.ts';
import { unsupported } from '../fields.ts';

export const write = (_call: ChatCall, _model: string): Checked<JsonObject> => ({
  kind: 'bad',
  problem: unsupported('model', 'cannot be translated yet.'),
});
