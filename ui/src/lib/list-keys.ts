// The list on screen says here how j, k and / reach it.

import { createContext } from 'svelte';

export interface ListKeys {
  /** Moves the focus by so many rows. */
  move: (by: number) => void;
  /** Puts the focus into the search field. */
  search: () => void;
}

export const [useListKeys, provideListKeys] = createContext<ListKeys>();

/** Moves the focus among the rows that match, starting at the first. */
export function moveFocus(container: HTMLElement | undefined, by: number): void {
  if (container === undefined) return;
  const rows = Array.from(container.querySelectorAll<HTMLElement>('[data-row]'));
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next]?.focus();
}
