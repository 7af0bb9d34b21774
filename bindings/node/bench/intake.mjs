// Intakes that are made as they are asked for: a client of its own for each matter, one document.

const ENTRY = { id: 'd0', file_name: 'd0.pdf', content_type: 'application/pdf', status: 'approved', origin: 'client_upload' };

/** `lenOf(matter)`: the document's length in bytes. */
export const intakeOf = (lenOf) => ({
  load(_firm, matter) {
    const client = { id: `c-${matter}`, first_name: 'Ana', last_name: `Doe ${matter}`, email: `${matter}@${matter}.test` };
    return JSON.stringify({ matter: { id: matter, title: `Doe v. Roe ${matter}`, case_type: 'family_law' }, client, documents: [ENTRY] });
  },
  stat: ({ matter }) => ({ len: lenOf(matter), revision: '1', status: ENTRY.status, origin: ENTRY.origin }),
  open({ matter }, offset) {
    let left = lenOf(matter) - offset;
    return {
      read(buffer) {
        const count = Math.min(left, buffer.length);
        buffer.fill(0x78, 0, count);
        left -= count;
        return count;
      },
    };
  },
});
