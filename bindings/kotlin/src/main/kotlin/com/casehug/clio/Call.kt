package com.casehug.clio

import com.casehug.clio.native.Call
import com.casehug.clio.native.Engine
import java.time.Duration
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject

/** Between two looks, in which an interrupt and a cancellation get their turn. */
private const val SLICE_MS = 100L

/** Ends blocking calls from another thread. */
public class Cancellation {
    private val told = AtomicBoolean()

    /** Ends the calls in progress and later ones, at their next safe point, with `cancelled`. */
    public fun cancel(): Unit = told.set(true)

    /** Whether it was told. */
    public val isCancelled: Boolean get() = told.get()
}

/** Begins an operation by its name with its arguments in JSON, as somebody; returns at once. */
internal typealias Begin = (operation: String, arguments: String) -> Call

/** Calls are this user's. */
internal fun asUser(engine: Engine, actor: Actor): Begin {
    val user = actor.native()
    return { operation, arguments -> crossing { engine.call(user, operation, arguments) } }
}

/** Calls are the service's own. */
internal fun asHost(engine: Engine): Begin =
    { operation, arguments -> crossing { engine.callHost(operation, arguments) } }

/** Who calls, in coroutines. */
internal class Caller(private val begin: Begin) {
    suspend operator fun invoke(operation: String, vararg arguments: Pair<String, JsonElement>): JsonElement =
        finished(begin(operation, encode(JsonObject(mapOf(*arguments)))))
}

/** Who calls, blocking. */
internal class BlockingCaller(
    private val begin: Begin,
    private val cancellation: Cancellation?,
    private val timeout: Duration?,
) {
    operator fun invoke(operation: String, vararg arguments: Pair<String, JsonElement>): JsonElement {
        if (cancellation?.isCancelled == true) {
            throw Told.CANCELLED.exception()
        }
        val call = begin(operation, encode(JsonObject(mapOf(*arguments))))
        return finishedHere(call, cancellation, timeout)
    }
}

/**
 * Waits without a thread. A coroutine that is cancelled cancels the call and does not wait for it.
 */
internal suspend fun finished(call: Call): JsonElement {
    try {
        // Whoever waits goes on in its own context, and never on the library's thread that wakes
        // it.
        val json = crossing { withContext(Dispatchers.Default) { call.finished() } }
        return Json.parseToJsonElement(json)
    } catch (cancelled: CancellationException) {
        call.cancel()
        throw cancelled
    } finally {
        call.destroy()
    }
}

/**
 * Waits on this thread. An interrupt cancels the call, whose end is waited for, and stays set: what
 * was sent to Clio is known then.
 */
internal fun finishedHere(call: Call, cancellation: Cancellation? = null, timeout: Duration? = null): JsonElement {
    val until = timeout?.let { System.nanoTime() + nanos(it) }
    var isInterrupted = false
    try {
        while (true) {
            val left = until?.let { (it - System.nanoTime()) / 1_000_000 } ?: SLICE_MS
            val looked = crossing { call.look(left.coerceIn(1, SLICE_MS).toUInt()) }
            looked.json?.let { return Json.parseToJsonElement(it) }
            isInterrupted = Thread.interrupted() || isInterrupted
            val isLate = until != null && System.nanoTime() - until >= 0
            if (isLate || isInterrupted || cancellation?.isCancelled == true) {
                call.cancel()
            }
        }
    } finally {
        call.destroy()
        if (isInterrupted) {
            Thread.currentThread().interrupt()
        }
    }
}

/** At most a century, which no clock here adds up to too much. */
private fun nanos(span: Duration): Long = span.coerceAtMost(Duration.ofDays(36_500)).toNanos()
