// The accessibility check of the screen tests. It does not check colours, because jsdom draws
// nothing.

import axe from "axe-core";

/** The accessibility violations in this part of the page, one line per violation. */
export async function accessibilityFindings(element: Element): Promise<string[]> {
  const { violations } = await axe.run(element, { rules: { "color-contrast": { enabled: false } } });
  return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`));
}
