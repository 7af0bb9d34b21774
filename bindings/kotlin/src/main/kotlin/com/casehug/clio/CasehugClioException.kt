package com.casehug.clio

import com.casehug.clio.native.Failure
import com.casehug.clio.native.InternalException as Panic
import kotlinx.coroutines.CopyableThrowable
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject

/** Whether trying again helps. */
public class Retry private constructor(value: String) : OpenEnum(value) {
    public companion object {
        /** It does not: something has to be done first. */
        @JvmField
        public val NEVER: Retry = Retry("never")

        /** Later. */
        @JvmField
        public val RETRY: Retry = Retry("retry")

        /** Not before [CasehugClioException.retryAfterMs]. */
        @JvmField
        public val RETRY_AFTER: Retry = Retry("retry_after")

        /** The SDK does it itself. */
        @JvmField
        public val REFRESH_THEN_RETRY: Retry = Retry("refresh_then_retry")

        private val entries = listOf(NEVER, RETRY, RETRY_AFTER, REFRESH_THEN_RETRY)

        /** The value of this word, which may be one of a later version's. */
        @JvmStatic
        public fun of(value: String): Retry = entries.find { it.value == value } ?: Retry(value)
    }
}

/**
 * Every error of this package; there is a class for each kind. It holds ids, numbers and fixed
 * words, and no client data, so it may be logged. Unchecked, and serializable.
 */
@OptIn(ExperimentalCoroutinesApi::class)
public open class CasehugClioException internal constructor(private val wire: String) :
    RuntimeException(), CopyableThrowable<CasehugClioException> {

    @Transient
    private var known: JsonObject? = null

    private val fields: JsonObject
        get() = known ?: Json.parseToJsonElement(wire).jsonObject.also { known = it }

    private fun word(key: String): String? = fields[key].optional { it.text() }

    /** What went wrong: see [Code]. A code never changes its meaning. */
    public val code: String get() = word("code") ?: Code.INTERNAL

    /** The same as a number. */
    public val number: Int get() = fields["number"].optional { it.long().toInt() } ?: 0

    /** Groups codes. */
    public val kind: String get() = word("kind") ?: "internal"

    /** Whether trying again helps. */
    public val retry: Retry get() = Retry.of(word("retry") ?: "never")

    /** How long to wait, if that is known. */
    public val retryAfterMs: Long? get() = fields["retry_after_ms"].optional { it.long() }

    /** What to do, for a firm's administrator. */
    public val advice: String get() = word("message").orEmpty()

    /** Ids, numbers and fixed words: the matter, the step, the HTTP status. */
    public val context: Map<String, String> get() = fields["context"].mapOrEmpty { it.text() }

    /** Which argument was refused, never with what value. */
    public val path: String? get() = word("path")

    /** Code, advice and path in one line. */
    override val message: String get() = "$code: $advice" + (path?.let { " ($it)" } ?: "")

    /** The error as every language writes it. */
    public fun toJson(): String = wire

    /** For coroutines, which show where an exception was thrown and where it was caught. */
    override fun createCopy(): CasehugClioException = exceptionOf(kind, wire).also { it.initCause(this) }
}

/** What was told with no library asked. */
internal enum class Told(private val wire: String) {
    CANCELLED(
        """{"code":"cancelled","number":6010,"kind":"host","retry":"never",""" +
            """"message":"The caller cancelled this."}""",
    ),
    PANIC(
        """{"code":"panic","number":9002,"kind":"internal","retry":"never",""" +
            """"message":"A defect of this SDK."}""",
    ),
    ;

    fun exception(): CasehugClioException = exceptionOfWire(wire)
}

internal fun exceptionOfWire(wire: String): CasehugClioException {
    val kind = runCatching { Json.parseToJsonElement(wire).jsonObject["kind"]?.text() }.getOrNull()
    return exceptionOf(kind.orEmpty(), wire)
}

/** Does what crosses into the library: its errors become ours. */
internal inline fun <T> crossing(work: () -> T): T = try {
    work()
} catch (failure: Failure.Sdk) {
    throw exceptionOfWire(failure.json)
} catch (_: Panic) {
    throw Told.PANIC.exception()
}
