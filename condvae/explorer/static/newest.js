// Of many calls, only the newest runs.

/**
 * Wrap an asynchronous function so that one call runs at a time. Of the calls made meanwhile, only the newest follows.
 * So there is no queue, and the last call always runs. Errors are passed to `tell` as text.
 */
export function newest(work, tell) {
  let busy = false;
  let next = null;
  return async function run(...given) {
    next = given;
    if (busy) return;
    busy = true;
    try {
      while (next) {
        const now = next;
        next = null;
        try {
          await work(...now);
        } catch (error) {
          tell(error.message);
        }
      }
    } finally {
      busy = false;
    }
  };
}
