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
