import { expect, it } from "vitest";
import { versionOfValue } from "./version-value";

it.each([
  ["2.0.1.11-RELEASE", "{version4}-RELEASE", "2.0.1.11"],
  ["app-2.0.1+build", "app-{version}+build", "2.0.1"],
  ["2.0.1", "{version}", "2.0.1"],
  ["2.0.1/2_0_1_0", "{version}/{version4_}", "2.0.1/2_0_1_0"],
])("the version of %s under %s is %s", (value, template, version) => {
  expect(versionOfValue(value, template)).toBe(version);
});

it.each([
  ["2.0.1-SNAPSHOT", "{version4}-RELEASE"],
  ["-RELEASE", "{version4}-RELEASE"],
  ["2.0.1", "fixed"],
])("%s stays as it is where the template %s does not fit", (value, template) => {
  expect(versionOfValue(value, template)).toBe(value);
});
