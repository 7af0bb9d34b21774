// The sealing key from where a service keeps its secrets.

const read = (variable) => process.env[variable] ?? '';

/**
 * The key in an environment variable, for `sealingKey`. One that is missing is refused at opening.
 * What prints the configuration does not print the keys.
 */
export function environmentKey(id, variable = 'CASEHUG_CLIO_SEALING_KEY', earlier = {}) {
  const keys = Object.entries(earlier).map(([id, variable]) => [id, read(variable)]);
  return Object.defineProperties({ id }, { key: { value: read(variable) }, earlier: { value: Object.fromEntries(keys) } });
}
