// The accessibility gate of the screens' tests. Colours are not judged: jsdom draws nothing.

import axe from "axe-core";

/** What is wrong with this part of the page, one line per finding; empty when nothing is. */
export async function accessibilityFindings(element: Element): Promise<string[]> {
  const { violations } = await axe.run(element, { rules: { "color-contrast": { enabled: false } } });
  return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`));
}
