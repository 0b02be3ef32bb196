/** Who is signed in, and until when. */

import { onSignedOut, request, signIns } from './api/call';
import { ApiError } from './api/errors';

export interface Me {
  arn: string;
  account: string;
  region: string;
  name: string;
  role: string;
  kind: 'user' | 'role';
  signedInAt: string;
  expiresAt: string;
  idleExpiresAt: string;
  version: string;
}

export interface SignInOptions {
  region: string;
  account: string;
  providers: { id: string; name: string; kind: string; roles: { name: string; arn: string }[] }[];
  accessKeys: boolean;
  signedIn: boolean;
}

class Session {
  me = $state<Me | null>(null);
  /** The cookie ended while pages were open: they stay, below the form that signs in again. */
  expired = $state(false);
  ready = $state(false);
  unreachable = $state('');

  /** Tells the browser's other tabs that somebody has signed in: they have the cookie, too. */
  private readonly tabs = new BroadcastChannel('ferryman-console');

  constructor() {
    this.tabs.onmessage = () => {
      if (this.expired || this.me === null) void this.load();
    };
    onSignedOut.current = () => {
      if (this.me !== null) this.expired = true;
    };
  }

  /** Finds out whether the browser is signed in. */
  async load(): Promise<void> {
    try {
      const before = this.me?.arn;
      if (before === undefined && !(await this.options()).signedIn) {
        this.ready = true;
        return;
      }
      this.me = (await request('GET', 'me')) as Me;
      signIns.count += 1;
      this.expired = false;
      this.unreachable = '';
      if (before !== undefined && before !== this.me.arn) location.reload(); // what is shown was somebody else's
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code !== 'NotSignedIn') this.unreachable = error.message;
    }
    this.ready = true;
  }

  async options(): Promise<SignInOptions> {
    return (await request('GET', 'sign-in')) as SignInOptions;
  }

  async signIn(accessKeyId: string, secretAccessKey: string, sessionToken: string): Promise<void> {
    const token = sessionToken === '' ? {} : { sessionToken };
    await request('POST', 'sign-in', { accessKeyId, secretAccessKey, ...token });
    await this.load();
    this.tabs.postMessage('signed-in');
  }

  async signOut(): Promise<void> {
    try {
      await request('POST', 'sign-out', {});
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'NotSignedIn')) throw error;
    }
    this.me = null;
    this.expired = false;
  }
}

export const session = new Session();
