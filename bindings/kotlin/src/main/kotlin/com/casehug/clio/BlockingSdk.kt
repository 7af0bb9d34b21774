package com.casehug.clio

import com.casehug.clio.native.Engine
import com.casehug.clio.types.OutboxEvent
import java.time.Duration

/**
 * The SDK for Java and for threads; [Sdk] is the one for coroutines. May be used by several threads
 * at once.
 *
 * A thread that is interrupted while it waits cancels its call, waits until that has ended at its
 * next safe point, and gets `cancelled`; its interrupt stays set. On a virtual thread a waiting
 * call pins its carrier.
 */
public class BlockingSdk internal constructor(internal val engine: Engine) : AutoCloseable {
    public companion object {
        /** As of [Sdk.open]. */
        @JvmStatic
        public fun open(config: Config): BlockingSdk = BlockingSdk(opened(config))
    }

    /**
     * The operations that this user may ask for.
     *
     * @param timeout Ends a call that takes longer, at its next safe point, with `cancelled`.
     * @param cancellation Ends calls from another thread.
     */
    @JvmOverloads
    public fun firm(actor: Actor, timeout: Duration? = null, cancellation: Cancellation? = null): BlockingFirm =
        BlockingFirm(BlockingCaller(asUser(engine, actor), cancellation, timeout))

    /** The operations of the service itself. */
    @JvmOverloads
    public fun host(timeout: Duration? = null, cancellation: Cancellation? = null): BlockingHost =
        BlockingHost(BlockingCaller(asHost(engine), cancellation, timeout))

    /** The same SDK for coroutines: closing either closes both. */
    public fun suspending(): Sdk = Sdk(engine)

    /** As of [Sdk.call]. */
    public fun call(actor: Actor, operation: String, arguments: String): String =
        finishedHere(asUser(engine, actor)(plain(operation), plain(arguments))).toString()

    /** As of [Sdk.callHost]. */
    public fun callHost(operation: String, arguments: String): String =
        finishedHere(asHost(engine)(plain(operation), plain(arguments))).toString()

    /**
     * Waits for events, one after the other, for ever. Asking for the next one acknowledges the
     * last one; what is left in between (`break`, an exception) comes again after a minute, and so
     * does one that takes longer, perhaps to another process. A thread that is interrupted, and a
     * cancellation, end it with `cancelled`.
     */
    @JvmOverloads
    public fun events(firm: String? = null, cancellation: Cancellation? = null): Iterable<OutboxEvent> = Iterable {
        val host = host(cancellation = cancellation)
        eventIterator(acknowledge = { of, id -> host.ackEvent(firm = of, id = id) }) {
            if (Thread.currentThread().isInterrupted) {
                throw Told.CANCELLED.exception()
            }
            host.nextEvents(firm = firm, limit = EVENTS, waitMs = EVENTS_WAIT_MS)
        }
    }

    /** As of [Sdk.handleWebhook]. */
    public fun handleWebhook(token: String, headers: Map<String, List<String>>, body: ByteArray): WebhookReply =
        reply(finishedHere(webhook(engine, token, headers, body)))

    /** As of [Sdk.startWorker]. */
    @JvmOverloads
    public fun startWorker(concurrency: Int? = null, perFirm: Int? = null, poll: Duration? = null): Unit =
        start(engine, concurrency, perFirm, poll)

    /** As of [Sdk.stopWorker]. */
    public fun stopWorker() {
        finishedHere(crossing { engine.stopWorker() })
    }

    /** As of [Sdk.close]. */
    override fun close(): Unit = closed(engine)
}
