/** The screens by the first part of their address, each in a file of its own that is loaded when it is opened. */

import type { Component } from 'svelte';

type Loader = () => Promise<{ default: Component }>;

export const SCREENS: Record<string, Loader> = {
  '': () => import('./overview/Overview.svelte'),
  nodes: () => import('./nodes/NodesRoute.svelte'),
  sessions: () => import('./sessions/SessionsRoute.svelte'),
  audit: () => import('./audit/Audit.svelte'),
  recordings: () => import('./recordings/RecordingRoute.svelte'),
  search: () => import('./search/Search.svelte'),
  'access-requests': () => import('./access/AccessRoute.svelte'),
  people: () => import('./people/PeopleRoute.svelte'),
  keys: () => import('./keys/KeysRoute.svelte'),
  preferences: () => import('./preferences/Preferences.svelte'),
  missing: () => import('./Missing.svelte'),
};
