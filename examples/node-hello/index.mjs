// Says hello: the smallest function.
export const handler = async (event) => ({ ok: true, n: event.n });
