// How components reach the stores: set once by the page.

import { createContext } from 'svelte';
import type { ConsoleStore } from './stores/console.svelte';
import type { HistoryStore } from './stores/history.svelte';
import type { PolicyStore } from './stores/policy.svelte';

export const [useConsole, provideConsole] = createContext<ConsoleStore>();
export const [useHistory, provideHistory] = createContext<HistoryStore>();
export const [usePolicy, providePolicy] = createContext<PolicyStore>();
