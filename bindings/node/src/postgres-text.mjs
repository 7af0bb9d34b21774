/**
 * For `types` of a query: PostgreSQL's own text of every value. What the host set for its own
 * queries changes nothing here.
 */
export const AS_TEXT = { getTypeParser: () => (text) => text };
