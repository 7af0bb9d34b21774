package com.casehug.clio

import com.casehug.clio.native.Engine
import com.casehug.clio.ports.Intakes
import com.casehug.clio.ports.Keys
import com.casehug.clio.ports.Log
import com.casehug.clio.ports.LogLevel
import com.casehug.clio.ports.Store
import com.casehug.clio.ports.TokenStore
import java.time.Duration
import java.util.concurrent.ConcurrentHashMap
import com.casehug.clio.native.Actor as NativeActor
import com.casehug.clio.native.Config as NativeConfig
import com.casehug.clio.native.LogLevel as NativeLevel
import com.casehug.clio.native.Ports as NativePorts
import com.casehug.clio.native.Role as NativeRole

/** What a user may do. */
public enum class Role {
    /** An admin of the firm. */
    ADMIN,

    /** Anybody else in it. */
    MEMBER,
}

/** Who asks, as you authenticated them. */
public data class Actor(
    /** The user's id in CaseHug. */
    val user: String,
    /** The user's firm. */
    val firm: String,
    val role: Role,
) {
    // UTF-8 has no half letters; what stands for one is no letter of an id.
    internal fun native(): NativeActor =
        NativeActor(plain(user), plain(firm), if (role == Role.ADMIN) NativeRole.ADMIN else NativeRole.MEMBER)
}

/** How the SDK is opened. Secrets are not shown by `toString`. In Java: [Config.Builder]. */
public data class Config(
    /** The Clio app's client id. */
    val clientId: String,
    /** The Clio app's client secret. */
    val clientSecret: String,
    /** The region of Clio, `us`, `eu`, `ca` or `au`, or a URL for tests and proxies. */
    val clio: String,
    /** `sqlite:FILE` or `postgres://USER@HOST/DATABASE`. Or give a [store]. */
    val database: String? = null,
    /** A database of yours. */
    val store: Store? = null,
    /** A vault of yours for the sealed tokens; null: they are in the store. */
    val tokens: TokenStore? = null,
    /** The root key: 32 bytes as hexadecimal digits or base64. Or give [keys]. */
    val sealingKey: String? = null,
    /** Its name. */
    val sealingKeyId: String? = null,
    /** Root keys by name that sealed before it, until `rewrapKeys` was called for every firm. */
    val earlierSealingKeys: Map<String, String> = emptyMap(),
    /** Wraps and unwraps, as a KMS does. */
    val keys: Keys? = null,
    /**
     * A folder of intakes (docs/intake-format.md): one firm's, and whatever firm is named gets it.
     * With `{firm}` in its path, `intakes/{firm}` say, each firm has the folder that is named by
     * its id, and none gets another's. Or give [intakes].
     */
    val intakeFolder: String? = null,
    /** Your matters and documents. */
    val intakes: Intakes? = null,
    /** Where Clio delivers; null: the status of matters is polled. */
    val webhookUrl: String? = null,
    /** How long Clio may still execute a request that was given up on: 2 minutes, unless set. */
    val lateExecutionWindow: Duration? = null,
    /** How long Clio's lists may not show what was created: 1 minute, unless set. */
    val indexDelay: Duration? = null,
    /** For one call to Clio: 30 seconds, unless set. */
    val requestTimeout: Duration? = null,
    /** `http://[USER:PASSWORD@]HOST:PORT`. The environment is not asked. */
    val proxy: String? = null,
    /** PEM, trusted beside Mozilla's. */
    val rootCertificates: String? = null,
    /**
     * Is told what happens, without client data; `System.Logger` "com.casehug.clio", unless set.
     */
    val log: Log = SystemLog,
) {
    override fun toString(): String = "Config(clientId=$clientId, clio=$clio)"

    /** Builds one in Java. */
    public class Builder(clientId: String, clientSecret: String, clio: String) {
        private var built = Config(clientId, clientSecret, clio)

        /** See [Config.database]. */
        public fun database(database: String): Builder = apply { built = built.copy(database = database) }

        /** See [Config.store]. */
        public fun store(store: Store): Builder = apply { built = built.copy(store = store) }

        /** See [Config.tokens]. */
        public fun tokens(tokens: TokenStore): Builder = apply { built = built.copy(tokens = tokens) }

        /** See [Config.sealingKey] and [Config.sealingKeyId]. */
        public fun sealingKey(id: String, key: String): Builder =
            apply { built = built.copy(sealingKeyId = id, sealingKey = key) }

        /** Adds one to [Config.earlierSealingKeys]. */
        public fun earlierSealingKey(id: String, key: String): Builder =
            apply { built = built.copy(earlierSealingKeys = built.earlierSealingKeys + (id to key)) }

        /** See [Config.keys]. */
        public fun keys(keys: Keys): Builder = apply { built = built.copy(keys = keys) }

        /** See [Config.intakeFolder]. */
        public fun intakeFolder(folder: String): Builder = apply { built = built.copy(intakeFolder = folder) }

        /** See [Config.intakes]. */
        public fun intakes(intakes: Intakes): Builder = apply { built = built.copy(intakes = intakes) }

        /** See [Config.webhookUrl]. */
        public fun webhookUrl(url: String): Builder = apply { built = built.copy(webhookUrl = url) }

        /** See [Config.lateExecutionWindow]. */
        public fun lateExecutionWindow(window: Duration): Builder =
            apply { built = built.copy(lateExecutionWindow = window) }

        /** See [Config.indexDelay]. */
        public fun indexDelay(delay: Duration): Builder = apply { built = built.copy(indexDelay = delay) }

        /** See [Config.requestTimeout]. */
        public fun requestTimeout(timeout: Duration): Builder = apply { built = built.copy(requestTimeout = timeout) }

        /** See [Config.proxy]. */
        public fun proxy(proxy: String): Builder = apply { built = built.copy(proxy = proxy) }

        /** See [Config.rootCertificates]. */
        public fun rootCertificates(pem: String): Builder = apply { built = built.copy(rootCertificates = pem) }

        /** See [Config.log]. */
        public fun log(log: Log): Builder = apply { built = built.copy(log = log) }

        /** What was built. */
        public fun build(): Config = built
    }
}

/** Java's own: what the program has bound it to, JUL unless told otherwise. */
internal object SystemLog : Log {
    private val logger = System.getLogger("com.casehug.clio")

    override fun line(level: LogLevel, target: String, message: String) = logger.log(level.java(), message)

    override fun level(): LogLevel = LogLevel.entries.lastOrNull { logger.isLoggable(it.java()) } ?: LogLevel.ERROR

    private fun LogLevel.java() = System.Logger.Level.valueOf(name)
}

internal fun ms(span: Duration?): ULong? = span?.let {
    require(!it.isNegative) { "a span of time is not negative" }
    it.coerceAtMost(Duration.ofDays(36_500)).toMillis().toULong()
}

private fun level(log: Log): LogLevel = try {
    log.level()
} catch (_: Throwable) {
    LogLevel.INFO
}

internal fun plain(text: String): String = whole(text) { "\uFFFD" }

/** Opens the library's part. */
internal fun opened(config: Config): Engine {
    Library.load()
    val log = config.log
    val native = NativeConfig(
        clientId = plain(config.clientId),
        clientSecret = plain(config.clientSecret),
        clio = plain(config.clio),
        database = config.database?.let(::plain),
        sealingKeyId = config.sealingKeyId?.let(::plain),
        sealingKey = config.sealingKey?.let(::plain),
        earlierSealingKeys = config.earlierSealingKeys.entries.associate { (id, key) -> plain(id) to plain(key) },
        intakeFolder = config.intakeFolder?.let(::plain),
        webhookUrl = config.webhookUrl?.let(::plain),
        lateExecutionWindowMs = ms(config.lateExecutionWindow),
        indexDelayMs = ms(config.indexDelay),
        requestTimeoutMs = ms(config.requestTimeout),
        proxy = config.proxy?.let(::plain),
        rootCertificates = config.rootCertificates?.let(::plain),
        logLevel = NativeLevel.valueOf(level(log).name),
    )
    val ports = NativePorts(
        store = config.store?.let { StoreTrait(it, log) },
        tokens = config.tokens?.let { TokensTrait(it, log) },
        keys = config.keys?.let { KeysTrait(it, log) },
        intakes = config.intakes?.let { IntakesTrait(it, log) },
        log = LogTrait(log),
    )
    return crossing { Engine(native, ports) }.also(OPEN::add)
}

/** Until they are closed, also those that the program let go of: their workers go on. */
private val OPEN: MutableSet<Engine> = ConcurrentHashMap.newKeySet()

/** Closes the library's part. */
internal fun closed(engine: Engine) {
    crossing { engine.shutDown() }
    OPEN.remove(engine)
}
