package com.casehug.clio

import com.casehug.clio.types.OutboxEvent
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

internal const val EVENTS = 100L
internal const val EVENTS_WAIT_MS = 30_000L

/** For how long events may be given after they were asked for: their lease is a minute. */
private const val GIVEN_NS = 50_000_000_000L

/** Begins before it is asked for. */
private class Lease(private val now: () -> Long) {
    private val asked = now()

    /** Whether another process may have what was not given yet. It comes again. */
    val isOver: Boolean get() = now() - asked > GIVEN_NS
}

/** What is asked for, one after the other; what the collector is through with is acknowledged. */
internal fun eventFlow(
    now: () -> Long = System::nanoTime,
    acknowledge: suspend (firm: String, id: String) -> Unit,
    ask: suspend () -> List<OutboxEvent>,
): Flow<OutboxEvent> = flow {
    giveEvents(now, { ask() }, { emit(it) }, { firm, id -> acknowledge(firm, id) })
}

/** The same for threads. */
internal fun eventIterator(
    now: () -> Long = System::nanoTime,
    acknowledge: (firm: String, id: String) -> Unit,
    ask: () -> List<OutboxEvent>,
): Iterator<OutboxEvent> = iterator {
    giveEvents(now, ask, { yield(it) }, acknowledge)
}

/** Inline, so that what is given may suspend in a flow, in an iterator, or not at all. */
private inline fun giveEvents(
    noinline now: () -> Long,
    ask: () -> List<OutboxEvent>,
    give: (OutboxEvent) -> Unit,
    acknowledge: (firm: String, id: String) -> Unit,
): Nothing {
    while (true) {
        val lease = Lease(now)
        for (event in ask()) {
            if (lease.isOver) {
                break
            }
            give(event)
            event.id?.let { acknowledge(event.firm, it) }
        }
    }
}
