// The rows in view of a list of any length. Every row has the same height.

import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";

/** Rows rendered beyond each edge of the view, so that a quick scroll shows text. */
const OVERSCAN = 20;

/**
 * Browsers place nothing below 33,554,431 px, which ends a list of rows of 20 px after 1.6 million.
 */
export const MAX_ROWS = 1_000_000;

export class RowWindow {
  /** Indices of the rows to render, in order. */
  indices = $state.raw<readonly number[]>([]);
  /** Height above the first rendered row, in px. */
  top = $state(0);
  /** Height of all rows, in px. */
  height = $state(0);
  /** Height of the scroll element, in px. */
  viewHeight = $state(0);

  readonly #rowHeight: number;
  readonly #virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  #count = 0;
  #element: HTMLElement | null = null;

  constructor(rowHeight: number) {
    this.#rowHeight = rowHeight;
    this.#virtualizer = new Virtualizer<HTMLElement, HTMLElement>(this.#options());
  }

  /** An attachment of the scroll element. */
  attach = (element: HTMLElement) => {
    this.#element = element;
    const unmount = this.#virtualizer._didMount();
    this.#update();
    return () => {
      this.#element = null;
      unmount();
    };
  };

  /** Sets how many rows the list has. */
  setCount(count: number) {
    this.#count = count;
    this.#update();
  }

  #options() {
    return {
      count: this.#count,
      getScrollElement: () => this.#element,
      estimateSize: () => this.#rowHeight,
      overscan: OVERSCAN,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.#read(),
    };
  }

  #update() {
    this.#virtualizer.setOptions(this.#options());
    this.#virtualizer._willUpdate();
    this.#read();
  }

  #read() {
    const items = this.#virtualizer.getVirtualItems();
    this.indices = items.map((item) => item.index);
    this.top = items[0]?.start ?? 0;
    this.height = this.#virtualizer.getTotalSize();
    this.viewHeight = this.#virtualizer.scrollRect?.height ?? 0;
  }
}
