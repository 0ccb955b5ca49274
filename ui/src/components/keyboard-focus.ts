// Where the keyboard focus goes after an act that removes the focused button.

import { tick } from "svelte";
import type { App, Screen } from "../run/app.svelte";

/** Focuses an element once the page shows it. The focus stays where it is without the element. */
export async function focusOn(testid: string) {
  await tick();
  document.querySelector<HTMLElement>(`[data-testid="${testid}"]`)?.focus();
}

/** Shows a screen, and focuses its heading. */
export async function openScreen(app: App, screen: Screen) {
  app.screen = screen;
  await focusHeading();
}

/** Focuses the first heading of the screen, so that the keyboard goes on at its start. */
export async function focusHeading() {
  await tick();
  const heading = document.querySelector<HTMLElement>("main h2, .alone h2");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus();
}
