package com.casehug.clio

import com.casehug.clio.types.SettingsChange
import com.casehug.clio.types.json
import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.longOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** What must not be called before the others. */
private val LAST = setOf("disconnect")

/** What cannot succeed here: there is nothing of the kind, or the firm is in another state. */
private val REFUSED = mapOf(
    "begin_separate_connect" to "disconnect_first",
    "forget_lost_keys" to "key_opens",
    "retry_run" to "record_unknown",
    "resolve_review" to "record_unknown",
    "accept_contact_proposal" to "record_unknown",
    "reject_contact_proposal" to "record_unknown",
)

private fun of(vararg values: Pair<String, Any>) = JsonObject(
    values.associate { (name, value) ->
        name to when (value) {
            is JsonElement -> value
            is Number -> JsonPrimitive(value)
            else -> JsonPrimitive(value.toString())
        }
    },
)

/** Where the shapes alone give nothing that succeeds: arguments, from what the firm has. */
private val ARGUMENTS: Map<String, (BlockingFirm) -> JsonObject> = mapOf(
    "begin_connect" to { _ -> of("redirect_uri" to CALLBACK) },
    "begin_separate_connect" to { _ -> of("redirect_uri" to CALLBACK) },
    "finish_connect" to { firm -> of("callback_query" to consent(firm.connection.begin(CALLBACK).authorizeUrl)) },
    "save_settings" to { firm -> of("settings" to firm.settings.get().json()) },
    "change_settings" to { firm ->
        of("change" to SettingsChange(revision = firm.settings.get().revision, contactReview = true).json())
    },
    "import_settings" to { firm -> of("document" to firm.settings.export().document) },
    "pause_backfill" to { firm -> of("id" to firm.backfills.list()[0].id) },
    "resume_backfill" to { firm -> of("id" to firm.backfills.list()[0].id) },
    "cancel_backfill" to { firm -> of("id" to firm.backfills.list()[0].id) },
    "next_events" to { _ -> of("limit" to 10, "wait_ms" to 0) },
    "prune_runs" to { _ -> of("before" to "2020-01-01T00:00:00Z") },
    "prune_audit" to { _ -> of("before" to "2020-01-01T00:00:00Z") },
)

/** A value of this shape. */
private fun sample(shape: JsonElement, name: String): JsonElement {
    if (shape is JsonPrimitive) {
        return when (shape.content) {
            "boolean" -> JsonPrimitive(true)
            "integer" -> JsonPrimitive(1)
            "milliseconds" -> JsonPrimitive(0)
            "casehug_id" -> JsonPrimitive(if (name.startsWith("firm")) ADMIN.firm else "mat_0001")
            "clio_id" -> JsonPrimitive("1")
            "time" -> JsonPrimitive(Instant.now().toString())
            else -> JsonPrimitive("none")
        }
    }
    val (kind, inner) = shape.jsonObject.entries.single()
    return when (kind) {
        "array" -> JsonArray(listOf(sample(inner, name)))
        "map" -> JsonObject(emptyMap())
        "optional" -> JsonNull
        else -> sampleOf(type(inner.text()))
    }
}

private fun type(name: String): JsonObject = API.required("types").jsonObject.required(name).jsonObject

private fun fields(of: JsonObject): List<JsonObject> = of.required("fields").jsonArray.map { it.jsonObject }

private fun sampleOf(type: JsonObject): JsonElement = when (type.required("kind").text()) {
    "enum" -> type.required("values").jsonArray[0].jsonObject.required("name")
    "union" -> {
        val variant = type.required("variants").jsonArray[0].jsonObject
        JsonObject(required(variant) + (type.required("tag").text() to variant.required("name")))
    }
    else -> JsonObject(required(type))
}

private fun required(type: JsonObject): Map<String, JsonElement> =
    fields(type).filter { it.required("required").boolean() }.associate { field ->
        val name = field.required("name").text()
        name to sample(field.required("shape"), name)
    }

/**
 * Whether a result, which went through its type and back, is what its shape says, all the way down.
 */
private fun isOf(shape: JsonElement, value: JsonElement): Boolean {
    if (shape is JsonPrimitive) {
        return when (shape.content) {
            "unit" -> value == JsonObject(emptyMap())
            "boolean" -> value.jsonPrimitive.booleanOrNull != null
            "integer", "milliseconds" -> value.jsonPrimitive.longOrNull != null
            "time" -> runCatching { value.time() }.isSuccess
            else -> value.jsonPrimitive.isString
        }
    }
    val (kind, inner) = shape.jsonObject.entries.single()
    return when (kind) {
        "array" -> value.jsonArray.all { isOf(inner, it) }
        "map" -> value.jsonObject.values.all { isOf(inner, it) }
        "optional" -> value is JsonNull || isOf(inner, value)
        else -> isOfType(type(inner.text()), value)
    }
}

private fun isOfType(type: JsonObject, value: JsonElement): Boolean = when (type.required("kind").text()) {
    "enum" -> type.required("values").jsonArray.any { it.jsonObject["name"] == value }
    "union" -> {
        val variants = type.required("variants").jsonArray.map { it.jsonObject }
        variants.single { it["name"] == value.jsonObject[type.required("tag").text()] }.let { hasFields(it, value) }
    }
    else -> hasFields(type, value)
}

private fun hasFields(type: JsonObject, value: JsonElement): Boolean = fields(type).all { field ->
    val part = value.jsonObject[field.required("name").text()]
    if (part == null) !field.required("required").boolean() else isOf(field.required("shape"), part)
}

/**
 * Every operation once, through its generated method: its result is of the declared type, or its
 * error one that is declared. An operation that is new in the table is called here without a line.
 */
class OperationsTest {
    @ParameterizedTest
    @ValueSource(strings = ["blocking", "suspended"])
    fun `every operation once`(face: String, @TempDir folder: Path): Unit = simulated { url ->
        connected(url, folder) { sdk ->
            sdk.firm(ADMIN).backfills.start(listOf("mat_0001"))
            val operations = API.required("operations").jsonArray.map { it.jsonObject }
            val succeeded = operations.sortedBy { it.required("name").text() in LAST }.count { once(sdk, face, it) }
            assertTrue(succeeded >= 35, "$succeeded")
        }
    }

    /** Whether it succeeded. */
    private fun once(sdk: BlockingSdk, face: String, operation: JsonObject): Boolean {
        val name = operation.required("name").text()
        val declared = operation.required("arguments").jsonArray.map { it.jsonObject }
        val values = ARGUMENTS[name]?.invoke(sdk.firm(ADMIN)) ?: JsonObject(
            declared.associate { it.required("name").text() to sample(it.required("shape"), it.required("name").text()) },
        )
        val result = try {
            if (face == "blocking") byName(sdk, ADMIN, name, values) else runBlocking { byName(sdk.suspending(), ADMIN, name, values) }
        } catch (refused: CasehugClioException) {
            // Arguments that are made up may be refused as such, in a way that the row declares.
            assertTrue(refused is InputException || name in REFUSED, "$name: ${refused.toJson()}")
            assertTrue(operation.required("errors").jsonArray.any { it.text() == refused.code }, "$name: ${refused.toJson()}")
            assertEquals(REFUSED[name] ?: refused.code, refused.code, name)
            return false
        }
        assertTrue(name !in REFUSED, name)
        assertTrue(isOf(operation.required("result"), checkNotNull(result)), "$name: $result")
        return true
    }
}
