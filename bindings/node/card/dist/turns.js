// What is asked again and again, one at a time.
/**
 * Runs it; asked for meanwhile, it runs once more at the end. So what was asked for first is never
 * answered last.
 */
export function oneAtATime(run) {
    let running = null;
    let again = false;
    const all = async () => {
        do {
            again = false;
            await run();
        } while (again);
    };
    return () => {
        again = true;
        running ??= all().finally(() => {
            running = null;
        });
        return running;
    };
}
