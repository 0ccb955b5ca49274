// The pages of the first run, and the steps that group them.

import type { Failure, FirstRun, FirstRunPage } from "../../generated/bindings";
import type { App } from "../../run/app.svelte";

/** The pages in their order. */
const PAGES: readonly FirstRunPage[] = ["name", "product", "github", "aws", "stagingKey", "setup", "practise"];

/** The steps of the list, each with its pages. */
export const STEPS: readonly { name: string; pages: readonly FirstRunPage[] }[] = [
  { name: "Who you are", pages: ["name"] },
  { name: "Product", pages: ["product"] },
  { name: "Sign-ins", pages: ["github", "aws", "stagingKey"] },
  { name: "Setup", pages: ["setup"] },
  { name: "Practise", pages: ["practise"] },
];

/** Number of the step that has a page, from 0. */
export const stepOf = (page: FirstRunPage) => STEPS.findIndex((step) => step.pages.includes(page));

/** The steps that a person may leave for later. */
export const [SIGN_INS, SETUP] = [stepOf("github"), stepOf("setup")];

/** The page before or after a page. The name is asked once, so no way leads back to it. */
export function beside(page: FirstRunPage, by: -1 | 1): FirstRunPage | null {
  const found = PAGES[PAGES.indexOf(page) + by];
  return found === undefined || found === "name" ? null : found;
}

const isShown = (app: App) => app.info?.firstRun?.isLeft === false;

/**
 * Keeps the page on this computer, and shows it. Returns why it was not kept, or `"left"` when the
 * person went to another screen meanwhile: then that screen stays.
 */
export async function goTo(app: App, firstRun: FirstRun | null): Promise<Failure | "left" | null> {
  const wasShown = isShown(app);
  const kept = await app.platform.commands.keepFirstRun(firstRun);
  if (wasShown && !isShown(app)) return "left";
  if (kept.status === "error") return kept.error;
  if (app.info !== null) app.info = { ...app.info, firstRun };
  return null;
}
