import { expect, it, vi } from 'vitest';
import { call, onSignedOut, signIns } from '../src/lib/api/call';

function answer(status: number, pieces: string[], end: (body: ReadableStreamDefaultController) => void): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      pieces.forEach((each) => controller.enqueue(encoder.encode(each)));
      end(controller);
    },
  });
  return new Response(body, { status });
}

it.each([200, 500])('a server that is lost in the middle of an answer (status %s) has not answered', async (status) => {
  globalThis.fetch = (async () =>
    answer(status, ['{"Sessions": ['], (body) => body.error(new TypeError('network error')))) as typeof fetch;
  await expect(call('ssm/DescribeSessions', { State: 'Active' })).rejects.toMatchObject({
    code: status === 200 ? 'Unreachable' : '500',
  });
});

it('an answer without content is none', async () => {
  globalThis.fetch = (async () => answer(200, [], (body) => body.close())) as typeof fetch;
  expect(await call('ssm/DescribeSessions', { State: 'Active' })).toBeNull();
});

it('a call of the cookie before says nothing about the one of now, and is made again', async () => {
  const signedOut = vi.spyOn(onSignedOut, 'current');
  const answers = ['{"__type": "NotSignedIn"}', '{"Sessions": []}'];
  globalThis.fetch = (async () => {
    const own = answers.shift()!;
    signIns.count += answers.length; // somebody signs in while the first is answered
    return new Response(own, { status: own.includes('NotSignedIn') ? 401 : 200 });
  }) as typeof fetch;
  expect(await call('ssm/DescribeSessions', { State: 'Active' })).toEqual({ Sessions: [] });
  expect(signedOut).not.toHaveBeenCalled();
  answers.push('{"__type": "NotSignedIn"}');
  await expect(call('ssm/DescribeSessions', { State: 'Active' })).rejects.toMatchObject({ code: 'NotSignedIn' });
  expect(signedOut).toHaveBeenCalledOnce();
});
