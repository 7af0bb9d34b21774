package com.casehug.clio

import java.time.DateTimeException
import java.time.Duration
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject

private val NOTHING = JsonObject(emptyMap())
private val OPERATIONS = API.required("operations").jsonArray.map { it.jsonObject }.associateBy { it.required("name").text() }

/**
 * The agent of Kotlin (tests/golden/README.md): opens the SDK as the environment says, then does
 * what the lines of its standard input say. With `suspended` through the face for coroutines.
 */
public fun main(arguments: Array<String>) {
    val isSuspended = arguments.firstOrNull() == "suspended"
    lateinit var sdk: BlockingSdk
    if (!answered { sdk = BlockingSdk.open(golden()); NOTHING }) {
        return
    }
    for (line in generateSequence(::readLine)) {
        val fields = line.split('\t')
        answered {
            when (fields[0]) {
                "call" -> call(sdk, fields[1], fields[2], fields[3], isSuspended)
                "webhook" -> webhook(sdk, fields.drop(1).map(::fromHex), isSuspended)
                "worker" -> NOTHING.also { worker(sdk, fields[1], isSuspended) }
                else -> NOTHING.also { sdk.close() }
            }
        }
        if (fields[0] == "close") {
            return
        }
    }
}

private fun given(name: String): String = System.getenv("GOLDEN_$name")

private fun golden() = Config(
    clientId = given("CLIENT_ID"),
    clientSecret = given("CLIENT_SECRET"),
    clio = given("CLIO_URL"),
    database = "sqlite:${given("STORE")}",
    intakeFolder = given("INTAKES"),
    sealingKey = given("SEALING_KEY"),
    sealingKeyId = given("SEALING_KEY_ID"),
    earlierSealingKeys = mapOf(given("EARLIER_SEALING_KEY_ID") to given("EARLIER_SEALING_KEY")).filterKeys { it != "" },
    webhookUrl = given("WEBHOOK_URL").ifEmpty { null },
    lateExecutionWindow = Duration.ofSeconds(given("LATE_EXECUTION_WINDOW_SECONDS").toLong()),
    indexDelay = Duration.ofSeconds(given("INDEX_DELAY_SECONDS").toLong()),
    requestTimeout = Duration.ofSeconds(given("REQUEST_TIMEOUT_SECONDS").toLong()),
    log = { _, _, _ -> },
)

private fun answered(work: () -> JsonElement): Boolean = try {
    println("1\t${work()}")
    true
} catch (failed: CasehugClioException) {
    println("${failed.number}\t${failed.toJson()}")
    false
}

private fun call(sdk: BlockingSdk, name: String, who: String, text: String, isSuspended: Boolean): JsonElement {
    val actor = if (who == "-") null else who.split(' ').let { Actor(it[0], it[1], Role.valueOf(it[2].uppercase())) }
    val values = runCatching { Json.parseToJsonElement(text).jsonObject }.getOrNull()
    val operation = OPERATIONS[name]
    // Through the method of the operation; by its name if no method can be called like that.
    if (operation != null && values != null && fits(operation, values, actor)) {
        val asked = actor ?: ADMIN
        val result = runCatching {
            if (isSuspended) runBlocking { byName(sdk.suspending(), asked, name, values) } else byName(sdk, asked, name, values)
        }
        val refused = result.exceptionOrNull()
        if (refused == null || !isOfArguments(refused)) {
            return checkNotNull(result.getOrThrow())
        }
    }
    val json = if (isSuspended) runBlocking { byName(sdk.suspending(), actor, name, text) } else byName(sdk, actor, name, text)
    return Json.parseToJsonElement(json)
}

private suspend fun byName(sdk: Sdk, actor: Actor?, name: String, text: String): String =
    if (actor == null) sdk.callHost(name, text) else sdk.call(actor, name, text)

private fun byName(sdk: BlockingSdk, actor: Actor?, name: String, text: String): String =
    if (actor == null) sdk.callHost(name, text) else sdk.call(actor, name, text)

/** Whether an argument could not be read, before any method was called; and no result. */
private fun isOfArguments(refused: Throwable): Boolean =
    (refused is IllegalArgumentException || refused is DateTimeException) &&
        generateSequence<Throwable>(refused) { it.cause }.flatMap { it.stackTrace.asSequence() }
            .none { it.fileName == "Operations.kt" || it.fileName == "BlockingOperations.kt" }

private fun fits(operation: JsonObject, values: JsonObject, actor: Actor?): Boolean {
    val declared = operation.required("arguments").jsonArray.map { it.jsonObject }
    val isHosts = operation.required("group").text() == "host"
    val known = declared.map { it.required("name").text() }
    val needed = declared.filter { it.required("required").boolean() }.map { it.required("name").text() }
    return isHosts == (actor == null) && known.containsAll(values.keys) && values.keys.containsAll(needed) &&
        declared.all { argument -> values[argument.required("name").text()]?.let { areKnown(argument.required("shape"), it) } ?: true }
}

/** Whether an object has no keys but those that its type knows. */
private fun areKnown(shape: JsonElement, value: JsonElement): Boolean {
    val named = (shape as? JsonObject)?.get("named")?.text() ?: return true
    val fields = API.required("types").jsonObject.required(named).jsonObject["fields"]?.jsonArray ?: return true
    return value is JsonObject && fields.map { it.jsonObject.required("name").text() }.containsAll(value.keys)
}

private fun webhook(sdk: BlockingSdk, fields: List<ByteArray>, isSuspended: Boolean): JsonElement {
    val token = fields[0].decodeToString()
    val headers = fields.drop(2).map { it.decodeToString() }.chunked(2).groupBy({ it[0] }, { it[1] })
    val reply = if (isSuspended) {
        runBlocking { sdk.suspending().handleWebhook(token, headers, fields[1]) }
    } else {
        sdk.handleWebhook(token, headers, fields[1])
    }
    return buildJsonObject {
        put("status", JsonPrimitive(reply.status))
        val pairs = reply.headers.map { (name, value) ->
            JsonObject(mapOf("name" to JsonPrimitive(name), "value" to JsonPrimitive(value)))
        }
        put("headers", kotlinx.serialization.json.JsonArray(pairs))
    }
}

private fun worker(sdk: BlockingSdk, what: String, isSuspended: Boolean) = when {
    what == "start" -> sdk.startWorker()
    isSuspended -> runBlocking { sdk.suspending().stopWorker() }
    else -> sdk.stopWorker()
}

private fun fromHex(text: String): ByteArray = text.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
