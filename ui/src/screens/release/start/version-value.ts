// The version inside a value of the version file.

/**
 * Takes the text around the placeholders of the profile's template from a value: `2.0.1.11` of
 * `2.0.1.11-RELEASE` under `{version4}-RELEASE`. Returns the value as it is where the template does
 * not fit.
 */
export function versionOfValue(value: string, template: string): string {
  const first = template.indexOf("{");
  const last = template.lastIndexOf("}");
  if (first < 0 || last < first) return value;
  const before = template.slice(0, first);
  const after = template.slice(last + 1);
  const fits = value.startsWith(before) && value.endsWith(after) && value.length > before.length + after.length;
  return fits ? value.slice(before.length, value.length - after.length) : value;
}
