// Which sections of a review were on screen from their beginning to their end,
// with nothing folded away. The console in Rust says which there are, and keeps
// what it is told.

import type { Attachment } from 'svelte/attachments';

/** Gives what marks an element as the one that shows a section. */
export type Sees = (section: string) => Attachment<HTMLElement>;

/** Where nobody asks what was seen. */
export const unasked: Sees = () => () => {};

/** Pixels by which a section may be said to be at its end. */
const SLACK = 4;
/** Space above what is brought up. */
const ABOVE = 12;

/** Folded text has this opener. */
const FOLD = '[data-folded]';

/** An action, and the sections of it that are not seen yet, in order. */
export interface Left {
  action: string;
  sections: string[];
}

export class Reading {
  readonly #left: () => Left;
  readonly #saw: (action: string, sections: string[]) => Promise<unknown>;
  /** By section: brings up what of it is to be seen next. */
  readonly #places = new Map<string, () => void>();
  /** What is told next, and what was told and is not answered. */
  #batch: string[] = [];
  readonly #told = new Set<string>();
  #edge: HTMLElement | null = null;

  /** `saw` tells of sections, and ends once that is answered. */
  constructor(left: () => Left, saw: (action: string, sections: string[]) => Promise<unknown>) {
    this.#left = left;
    this.#saw = saw;
  }

  readonly section: Sees = (name) => (node) => {
    /** Down to here it was on screen, from its top. */
    let upTo = 0;
    /** What of it is being seen: another text in it is another section. */
    let section: string | undefined;

    const measure = (): void => {
      const { action, sections } = this.#left();
      const wanted = sections.find((one) => one === name || one.startsWith(`${name}@`));
      if (wanted !== section) upTo = 0;
      section = wanted;
      if (section === undefined || document.visibilityState !== 'visible') return;
      const box = node.getBoundingClientRect();
      const { top, bottom } = this.#area(node);
      const end = Math.min(bottom, fold(node)?.getBoundingClientRect().top ?? Infinity) - box.top;
      if (top - box.top <= upTo + SLACK) upTo = Math.max(upTo, end);
      if (box.height > 0 && upTo >= box.height - SLACK) this.#tell(action, section);
    };

    const show = (): void => {
      const box = node.getBoundingClientRect();
      const folded = fold(node);
      if (folded !== null && upTo >= folded.getBoundingClientRect().top - box.top - SLACK) {
        folded.focus();
        return;
      }
      node.tabIndex = -1;
      node.focus({ preventScroll: true });
      scrolls(node).scrollBy({ top: box.top + upTo - this.#area(node).top - ABOVE });
      measure();
    };

    this.#places.set(name, show);
    const watch = new ResizeObserver(measure);
    watch.observe(node);
    // Scrolling does not bubble.
    window.addEventListener('scroll', measure, { capture: true, passive: true });
    document.addEventListener('visibilitychange', measure);
    return () => {
      this.#places.delete(name);
      watch.disconnect();
      window.removeEventListener('scroll', measure, { capture: true });
      document.removeEventListener('visibilitychange', measure);
    };
  };

  /** Marks the element that covers the lower end of the page. */
  readonly edge: Attachment<HTMLElement> = (node) => {
    this.#edge = node;
    return () => (this.#edge = null);
  };

  /** Brings up what is to be seen next. */
  next(): void {
    const name = this.#left().sections[0]?.split('@')[0];
    if (name !== undefined) this.#places.get(name)?.();
  }

  /** What comes into sight together is told together. */
  #tell(action: string, section: string): void {
    if (this.#told.has(section)) return;
    this.#told.add(section);
    this.#batch.push(section);
    if (this.#batch.length > 1) return;
    setTimeout(() => {
      const told = this.#batch;
      this.#batch = [];
      void this.#saw(action, told).then(() => told.forEach((one) => this.#told.delete(one)));
    });
  }

  /** The part of the page in which something is on screen. */
  #area(node: HTMLElement): { top: number; bottom: number } {
    const within = scrolls(node).getBoundingClientRect();
    const edge = this.#edge?.getBoundingClientRect().top ?? Infinity;
    return { top: Math.max(0, within.top), bottom: Math.min(window.innerHeight, within.bottom, edge) };
  }
}

const fold = (node: HTMLElement): HTMLElement | null => node.querySelector<HTMLElement>(FOLD);

/** What scrolls it. */
function scrolls(node: HTMLElement): Element {
  for (let above = node.parentElement; above !== null; above = above.parentElement) {
    if (['auto', 'scroll'].includes(getComputedStyle(above).overflowY)) return above;
  }
  return document.documentElement;
}
