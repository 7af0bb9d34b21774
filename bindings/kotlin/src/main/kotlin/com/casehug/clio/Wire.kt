package com.casehug.clio

import java.time.Instant
import java.time.OffsetDateTime
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

/**
 * An enumeration to which later versions may add: a value that this version does not know is one
 * without a constant of its own. Known ones are the constants themselves, so `==` compares them in
 * Java as well.
 */
public abstract class OpenEnum internal constructor(
    /** The word on the wire. */
    public val value: String,
) {
    override fun equals(other: Any?): Boolean =
        other is OpenEnum && other.javaClass == javaClass && other.value == value

    override fun hashCode(): Int = value.hashCode()

    override fun toString(): String = value
}

internal fun JsonObject.required(key: String): JsonElement =
    this[key] ?: throw IllegalArgumentException("$key is missing")

internal fun JsonElement.text(): String = with(jsonPrimitive) {
    require(isString) { "a text was expected" }
    content
}

internal fun JsonElement.boolean(): Boolean = number().boolean

internal fun JsonElement.long(): Long = number().long

private fun JsonElement.number(): JsonPrimitive = with(jsonPrimitive) {
    require(!isString) { "no text was expected" }
    this
}

/** Reads RFC 3339. */
internal fun JsonElement.time(): Instant = OffsetDateTime.parse(text()).toInstant()

internal inline fun <T> JsonElement.asList(read: (JsonElement) -> T): List<T> = jsonArray.map(read)

internal inline fun <T> JsonElement.asMap(read: (JsonElement) -> T): Map<String, T> =
    jsonObject.mapValues { (_, value) -> read(value) }

internal inline fun <T : Any> JsonElement?.optional(read: (JsonElement) -> T): T? =
    if (this == null || this is JsonNull) null else read(this)

internal inline fun <T> JsonElement?.listOrEmpty(read: (JsonElement) -> T): List<T> =
    optional { it.asList(read) } ?: emptyList()

internal inline fun <T> JsonElement?.mapOrEmpty(read: (JsonElement) -> T): Map<String, T> =
    optional { it.asMap(read) } ?: emptyMap()

internal inline fun <T : Any> T?.orNull(write: (T) -> JsonElement): JsonElement =
    if (this == null) JsonNull else write(this)

/**
 * JSON as text that UTF-8 can hold: half a letter is written with its number, for core to refuse.
 */
internal fun encode(json: JsonElement): String = whole(json.toString()) { "\\u%04x".format(it.code) }

/** The text with half letters replaced. */
internal inline fun whole(text: String, replace: (Char) -> String): String {
    if (text.none(Char::isSurrogate)) {
        return text
    }
    val built = StringBuilder()
    var at = 0
    while (at < text.length) {
        val letter = text[at]
        if (letter.isHighSurrogate() && at + 1 < text.length && text[at + 1].isLowSurrogate()) {
            built.append(letter).append(text[at + 1])
            at += 1
        } else {
            built.append(if (letter.isSurrogate()) replace(letter) else letter.toString())
        }
        at += 1
    }
    return built.toString()
}
