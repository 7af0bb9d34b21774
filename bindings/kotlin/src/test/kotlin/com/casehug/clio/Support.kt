package com.casehug.clio

import com.casehug.clio.ports.Log
import com.casehug.clio.ports.LogLevel
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import java.util.concurrent.ConcurrentLinkedQueue
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject

internal val ROOT: Path = Path.of(System.getProperty("root"))
internal val PROGRAMS: Path = Path.of(System.getProperty("programs"))
internal val INTAKES: Path = ROOT.resolve("examples/intake")
internal val API: JsonObject =
    Json.parseToJsonElement(Files.readString(ROOT.resolve("api/operations.json"))).jsonObject
internal val ADMIN = Actor("usr_1", "firm_1", Role.ADMIN)
internal val MEMBER = Actor("usr_2", "firm_1", Role.MEMBER)
internal const val CALLBACK = "http://127.0.0.1:9/callback"
internal const val KEY = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248"

private val http: HttpClient = HttpClient.newHttpClient()

/** Starts a program of this workspace that stops with us; hands over its first line of output. */
internal inline fun <T> program(vararg command: String, use: (String) -> T): T {
    val child = ProcessBuilder(PROGRAMS.resolve(command[0]).toString(), *command.drop(1).toTypedArray(), "--exit-with-stdin")
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    try {
        return use(child.inputReader().readLine().orEmpty().trim())
    } finally {
        child.outputStream.close()
        child.waitFor()
    }
}

/** A simulated Clio; hands over its URL. */
internal inline fun <T> simulated(more: String = "", use: (String) -> T): T =
    program("clio-sim", "--auto-consent") { line ->
        val url = Json.parseToJsonElement(line).jsonObject.required("url").text()
        simulate(url, "config", """{"rate_limit":1000$more}""")
        use(url)
    }

/** Tells the simulated Clio something. */
internal fun simulate(url: String, what: String, body: String) {
    val request = HttpRequest.newBuilder(URI("$url/__sim/$what")).header("content-type", "application/json")
    val answer = http.send(request.POST(HttpRequest.BodyPublishers.ofString(body)).build(), BodyHandlers.ofString())
    check(answer.statusCode() < 300) { answer.body() }
}

/** Every answer of Clio's takes so long. */
internal fun slow(url: String, ms: Int) =
    simulate(url, "faults", """[{"times":1000000,"action":{"kind":"slow","ms":$ms}}]""")

/** Clio answers as fast as it can again. */
internal fun quick(url: String) {
    val answer = http.send(HttpRequest.newBuilder(URI("$url/__sim/faults")).DELETE().build(), BodyHandlers.ofString())
    check(answer.statusCode() < 300) { answer.body() }
}

/** What the simulated Clio holds. */
internal fun holds(url: String): JsonObject = get("$url/__sim/state").let { Json.parseToJsonElement(it.body()).jsonObject }

internal fun get(url: String, vararg headers: String) = http.send(
    HttpRequest.newBuilder(URI(url)).also { if (headers.isNotEmpty()) it.headers(*headers) }.build(),
    BodyHandlers.ofString(),
)

internal fun post(url: String, body: String, vararg headers: String) = http.send(
    HttpRequest.newBuilder(URI(url)).also { if (headers.isNotEmpty()) it.headers(*headers) }
        .POST(HttpRequest.BodyPublishers.ofString(body)).build(),
    BodyHandlers.ofString(),
)

/** How many contacts, matters and whole documents there are in Clio. */
internal fun made(url: String): List<Int> = with(holds(url)) {
    fun all(kind: String): JsonArray = required(kind).jsonArray
    listOf(
        all("contacts").size,
        all("matters").size,
        all("documents").count { it.jsonObject.required("complete").boolean() },
    )
}

/** A configuration for tests, on the SDK's own SQLite. */
internal fun config(url: String, folder: Path): Config = Config(
    clientId = "casehug-dev",
    clientSecret = "casehug-dev-secret",
    clio = url,
    database = "sqlite:${folder.resolve("clio.db")}",
    sealingKey = KEY,
    sealingKeyId = "test",
    intakeFolder = INTAKES.toString(),
    lateExecutionWindow = Duration.ofSeconds(2),
    indexDelay = Duration.ofSeconds(2),
    log = Lines(),
)

/** What was logged. */
internal class Lines(private val least: LogLevel = LogLevel.INFO) : Log {
    val all = ConcurrentLinkedQueue<String>()

    override fun line(level: LogLevel, target: String, message: String) {
        all.add("$level $target $message")
    }

    override fun level(): LogLevel = least

    override fun toString(): String = all.joinToString("\n")
}

/** Allows access as a person in a browser does; gives the query that it comes back with. */
internal fun consent(page: String): String =
    get(page).headers().firstValue("location").orElseThrow().substringAfter('?')

/** Connects the firm. */
internal fun connect(sdk: BlockingSdk, actor: Actor = ADMIN) {
    val connection = sdk.firm(actor).connection
    connection.finish(consent(connection.begin(CALLBACK).authorizeUrl))
}

/** An SDK whose firm is connected. */
internal inline fun <T> connected(url: String, folder: Path, use: (BlockingSdk) -> T): T =
    BlockingSdk.open(config(url, folder)).use { sdk ->
        connect(sdk)
        use(sdk)
    }

/** Asks until the answer is good: for two minutes, as the machine may have much else to do. */
internal fun <T> until(ask: () -> T, good: (T) -> Boolean): T {
    val end = System.nanoTime() + Duration.ofSeconds(120).toNanos()
    while (System.nanoTime() < end) {
        val answer = ask()
        if (good(answer)) {
            return answer
        }
        Thread.sleep(50)
    }
    throw AssertionError("it was waited for in vain")
}

/** Intakes of so many matters, each with a client of its own and one document. */
internal fun writeIntakes(folder: Path, matters: Int) {
    for (number in 0 until matters) {
        val place = Files.createDirectories(folder.resolve("mat_$number"))
        Files.writeString(place.resolve("a.txt"), "document $number")
        Files.writeString(
            place.resolve("intake.json"),
            """{"matter":{"id":"mat_$number","title":"Matter $number"},
                "client":{"id":"cli_$number","first_name":"Ada","last_name":"Byron $number",
                "email":"ada$number@example.com"},"documents":[{"id":"doc_1","file_name":"a.txt",
                "content_type":"text/plain","path":"a.txt","status":"approved","origin":"client_upload"}]}""",
        )
    }
}

/** Which exception this throws. */
internal inline fun <reified T : Throwable> thrown(work: () -> Unit): T {
    try {
        work()
    } catch (thrown: Throwable) {
        return thrown as? T ?: throw thrown
    }
    throw AssertionError("nothing was thrown")
}
