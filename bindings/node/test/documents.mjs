/** The documents of the suite: `core/testkit/src/http/documents.rs`. */
export const documents = {
  open({ document }, offset) {
    const [, kind, text] = /^(\w+)_(\d+)$/.exec(document) ?? [];
    if (kind === undefined) throw new Error('unopenable');
    const end = Math.max(Number(text), offset);
    let position = offset;
    return {
      read(buffer) {
        if (position === end && kind === 'breaks') throw new Error('broken');
        const count = Math.min(end - position, buffer.length, 10_007);
        for (let at = 0; at < count; at += 1) buffer[at] = (position + at) % 251;
        position += count;
        return count;
      },
    };
  },
};
