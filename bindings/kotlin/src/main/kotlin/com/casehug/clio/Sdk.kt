package com.casehug.clio

import com.casehug.clio.native.Call
import com.casehug.clio.native.Engine
import com.casehug.clio.native.Header
import com.casehug.clio.native.WorkerSettings
import com.casehug.clio.types.OutboxEvent
import java.time.Duration
import kotlinx.coroutines.flow.Flow
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.jsonObject

/** What to send back to Clio, without a body. It may hold a secret: never log its headers. */
public class WebhookReply internal constructor(
    public val status: Int,
    /** Names and values. */
    public val headers: List<Pair<String, String>>,
) {
    override fun toString(): String = "WebhookReply(status=$status)"
}

/**
 * The SDK for coroutines; [BlockingSdk] is the one for Java and for threads. May be used by many
 * coroutines and threads at once, and blocks none of them: operations run on threads of the SDK.
 *
 * A coroutine that is cancelled (`withTimeout`, a scope that ends) cancels its call and does not
 * wait for it. The call ends at its next safe point by itself: nothing is sent twice, no lease is
 * left, and what was begun is due for workers.
 */
public class Sdk internal constructor(internal val engine: Engine) : AutoCloseable {
    public companion object {
        /**
         * Opens the SDK. Makes no call to Clio, but opens the database: call it on a thread that
         * may wait.
         *
         * @throws LoadException if there is no library for this platform, or it is of another
         * build.
         * @throws IllegalArgumentException if a span of time of the configuration is negative.
         * @throws CasehugClioException naming the argument, or how the database cannot be opened.
         */
        @JvmStatic
        public fun open(config: Config): Sdk = Sdk(opened(config))
    }

    /** The operations that this user may ask for. */
    public fun firm(actor: Actor): Firm = Firm(Caller(asUser(engine, actor)))

    /** The operations of the service itself. */
    public fun host(): Host = Host(Caller(asHost(engine)))

    /** The same SDK for threads: closing either closes both. */
    public fun blocking(): BlockingSdk = BlockingSdk(engine)

    /**
     * Runs an operation by its name (docs/operations.md) with its arguments as a JSON object, for
     * gateways. Gives JSON. There is no call of nobody: the service's own is [callHost].
     */
    public suspend fun call(actor: Actor, operation: String, arguments: String): String =
        finished(asUser(engine, actor)(plain(operation), plain(arguments))).toString()

    /** The same as the service itself, for the operations whose access is host. */
    public suspend fun callHost(operation: String, arguments: String): String =
        finished(asHost(engine)(plain(operation), plain(arguments))).toString()

    /**
     * Waits for events, one after the other, for ever. What the collector is through with is
     * acknowledged; an event at which it stops or fails comes again after a minute, and so does one
     * that takes longer, perhaps to another process. Behind `buffer` or `flowOn` an event counts as
     * done when it is buffered.
     */
    public fun events(firm: String? = null): Flow<OutboxEvent> {
        val host = host()
        return eventFlow(acknowledge = { of, id -> host.ackEvent(firm = of, id = id) }) {
            host.nextEvents(firm = firm, limit = EVENTS, waitMs = EVENTS_WAIT_MS)
        }
    }

    /**
     * Takes in what Clio posted below the webhook URL: the last segment of the path, all headers,
     * and the raw body, as they came. Answers after one durable commit; a worker applies it.
     */
    public suspend fun handleWebhook(token: String, headers: Map<String, List<String>>, body: ByteArray): WebhookReply =
        reply(finished(webhook(engine, token, headers, body)))

    /**
     * Starts a worker on threads of the SDK: it runs what is due for all firms. There is one at
     * most; if one works already, nothing changes. One that a defect of the SDK ends begins again
     * after five seconds, and the log is told.
     *
     * @param concurrency Runs at once; 16, unless set.
     * @param perFirm Runs of one firm at once; 4, unless set.
     * @param poll The longest wait before it looks for work of other processes; 1 second, unless
     * set, and 10 milliseconds at least.
     * @throws IllegalArgumentException for a number below 1, and a negative span of time.
     */
    public fun startWorker(concurrency: Int? = null, perFirm: Int? = null, poll: Duration? = null): Unit =
        start(engine, concurrency, perFirm, poll)

    /**
     * Stops it and waits for its steps in progress. What is not done is due for other workers at
     * once.
     */
    public suspend fun stopWorker() {
        finished(crossing { engine.stopWorker() })
    }

    /**
     * Ends what is in progress at its next safe point, with `stopped`, waits for that on this
     * thread, and closes the SDK. After it nothing of yours is called any more. A closed one stays
     * closed. Until it is closed, an SDK and its worker go on, also if nobody holds it; they keep
     * no program from ending.
     */
    override fun close(): Unit = closed(engine)
}

internal fun webhook(engine: Engine, token: String, headers: Map<String, List<String>>, body: ByteArray): Call {
    val posted = headers.flatMap { (name, values) ->
        values.map { Header(name.encodeToByteArray(), it.encodeToByteArray()) }
    }
    return crossing { engine.handleWebhook(plain(token), posted, body) }
}

internal fun reply(json: JsonElement): WebhookReply = with(json.jsonObject) {
    val headers = required("headers").asList { it.jsonObject }
    WebhookReply(
        required("status").long().toInt(),
        headers.map { it.required("name").text() to it.required("value").text() },
    )
}

internal fun start(engine: Engine, concurrency: Int?, perFirm: Int?, poll: Duration?) {
    fun count(number: Int?): UInt? = number?.let {
        require(it > 0) { "a number of runs is at least 1" }
        it.toUInt()
    }
    crossing { engine.startWorker(WorkerSettings(count(concurrency), count(perFirm), ms(poll))) }
}
