/** The routes on which calls arrive. */
import type { FastifyInstance } from 'fastify';
import { endpoints } from '../../contract/endpoints.ts';
import { call } from '../../flow/call.ts';
import { arrive } from './arrival.ts';
import { HttpCall, type DataPlane } from './http-call.ts';

/** Adds the data plane to a server. */
export const addDataPlane = (app: FastifyInstance, plane: DataPlane): void => {
  for (const { path, dialect, operation } of endpoints) {
    app.route({
      method: 'POST',
      url: path,
      // The framework routes and no more: its own way to a body costs a tenth of a call.
      onRequest: ({ raw }, reply) => {
        reply.hijack();
        const one = new HttpCall(plane, raw, reply.raw, arrive(raw, dialect, operation));
        void call(one, plane.steps).finally(() => one.over());
      },
      handler: () => {
        throw new Error('a call was not taken over');
      },
    });
  }
};
