// Setup that runs before every test file.

import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/svelte";
import { afterEach, vi } from "vitest";

// A `findBy` or `waitFor` ends when its value is there. This is the limit of a machine under load.
configure({ asyncUtilTimeout: 30_000 });

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

// jsdom has no modal dialogs. Their focus trap and Escape are not tested here.
Object.assign(HTMLDialogElement.prototype, {
  showModal(this: HTMLDialogElement) {
    this.open = true;
  },
  close(this: HTMLDialogElement) {
    this.open = false;
  },
});
