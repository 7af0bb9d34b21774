package com.casehug.clio.examples

import com.casehug.clio.Actor
import com.casehug.clio.AuthException
import com.casehug.clio.CasehugClioException
import com.casehug.clio.Config
import com.casehug.clio.Firm
import com.casehug.clio.InputException
import com.casehug.clio.NotPermittedException
import com.casehug.clio.Role
import com.casehug.clio.Sdk
import com.casehug.clio.types.EventBody
import com.casehug.clio.types.MatterStatus
import com.casehug.clio.types.OutboxEvent
import com.casehug.clio.types.Trigger
import io.ktor.http.ContentType
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.application.ApplicationStopped
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.request.header
import io.ktor.server.request.queryString
import io.ktor.server.request.receiveChannel
import io.ktor.server.response.respond
import io.ktor.server.response.respondRedirect
import io.ktor.server.response.respondText
import io.ktor.server.routing.RoutingContext
import io.ktor.server.routing.get
import io.ktor.server.routing.post
import io.ktor.server.routing.routing
import io.ktor.util.toMap
import io.ktor.utils.io.readRemaining
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.io.readByteArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

private val log = System.getLogger("service")

/** Bytes. No delivery of Clio's is larger, and anybody may post. */
private const val MOST_BODY = 64L * 1024

private fun given(name: String): String = checkNotNull(System.getenv(name)) { "$name is not set" }

/**
 * A CaseHug-like service on Ktor: connect, approve, status, and Clio's webhooks. Set
 * CLIO_CLIENT_ID, CLIO_CLIENT_SECRET, CLIO_URL (us, eu, ca, au), CLIO_DATABASE, CLIO_SEALING_KEY,
 * CLIO_INTAKES, PORT and PUBLIC_URL. CLIO_INTAKES holds a folder for each firm, named by its id.
 *
 * An access log, which Ktor keeps only when told to, would hold the codes with which Clio sends
 * browsers back, and the tokens of webhook addresses.
 */
public fun main() {
    val config = Config(
        clientId = given("CLIO_CLIENT_ID"),
        clientSecret = given("CLIO_CLIENT_SECRET"),
        clio = given("CLIO_URL"),
        database = given("CLIO_DATABASE"),
        sealingKey = given("CLIO_SEALING_KEY"),
        sealingKeyId = "k1",
        // Without the firm in it, whoever guesses another firm's matter could have it in their
        // own Clio.
        intakeFolder = "${given("CLIO_INTAKES")}/{firm}",
        webhookUrl = "${given("PUBLIC_URL")}/clio/hooks",
    )
    val sdk = Sdk.open(config)
    sdk.startWorker()
    val server = embeddedServer(Netty, port = given("PORT").toInt(), host = "127.0.0.1") { service(sdk) }
    server.monitor.subscribe(ApplicationStopped) { sdk.close() }
    server.start(wait = true)
}

/** Stands for your own table of matters: their status, by firm and id. */
internal val statuses = ConcurrentHashMap<Pair<String, String>, MatterStatus>()

/** Listens for as long as the service runs: a database that is away for a while ends nothing. */
internal suspend fun listen(leastWait: Duration, events: () -> Flow<OutboxEvent>) {
    var wait = leastWait
    while (true) {
        try {
            events().collect {
                tell(it)
                wait = leastWait
            }
        } catch (failed: Exception) {
            // Whoever ended this listener. A time-out inside it is a failure as others.
            currentCoroutineContext().ensureActive()
            // What was not acknowledged comes again after a minute.
            log.log(System.Logger.Level.WARNING, "listening to events again in $wait", failed)
            delay(wait)
            wait = minOf(wait * 2, 1.minutes)
        }
    }
}

/** Tells who waits what happened: here the log, and what is shown of matters. */
private fun tell(event: OutboxEvent) {
    when (val body = event.event) {
        is EventBody.RunFinished -> log.log(System.Logger.Level.INFO, "matter ${body.matter}: ${body.status}")
        // Where your own matters are stored.
        is EventBody.MatterStatus -> statuses[event.firm to body.matter] = body.status
        EventBody.ReconnectRequired -> log.log(System.Logger.Level.WARNING, "firm ${event.firm} has to connect again")
        else -> Unit
    }
}

private fun Application.service(sdk: Sdk) {
    // Ends with the application, and its wait with it.
    launch { listen(1.seconds) { sdk.events() } }
    routing {
        get("/clio/connect") {
            // The page to which an admin's browser goes.
            answer(sdk) { firm, _ ->
                val start = firm.connection.begin("${given("PUBLIC_URL")}/clio/callback")
                json("page" to JsonPrimitive(start.authorizeUrl))
            }
        }
        get("/clio/callback") {
            // Where Clio sends the browser back to.
            answer(sdk) { firm, _ ->
                firm.connection.finish(call.request.queryString())
                call.respondRedirect("/settings/integrations")
            }
        }
        post("/matters/{matter}/approve") {
            // The intake was approved: it is synced by a worker, in this process or another.
            answer(sdk) { firm, _ ->
                val answer = firm.matters.trigger(matter = call.parameters["matter"].orEmpty(), trigger = Trigger.APPROVED)
                json("accepted" to JsonPrimitive(answer.accepted), status = HttpStatusCode.Accepted)
            }
        }
        get("/matters/{matter}") {
            // Where the matter stands.
            answer(sdk) { firm, actor ->
                val matter = call.parameters["matter"].orEmpty()
                val state = firm.matters.state(matter)
                json(
                    "sync" to JsonPrimitive(state.status.value),
                    "clio" to JsonPrimitive(state.clioUrl),
                    "status" to JsonPrimitive(statuses[actor.firm to matter]?.value),
                )
            }
        }
        post("/clio/hooks/{token}") {
            // What Clio posts: headers and body go on as they came.
            val token = call.parameters["token"].orEmpty()
            val body = call.receiveChannel().readRemaining(MOST_BODY + 1).readByteArray()
            if (body.size > MOST_BODY) {
                call.respond(HttpStatusCode.PayloadTooLarge)
                return@post
            }
            val reply = sdk.handleWebhook(token, call.request.headers.toMap(), body)
            reply.headers.forEach { (name, value) -> call.response.headers.append(name, value) }
            call.respond(HttpStatusCode.fromValue(reply.status))
        }
    }
}

/**
 * Stands for your own login: the session says who asks, never the request. As it is, whoever
 * reaches this service may be anybody. Null: nobody.
 */
private fun actor(call: ApplicationCall): Actor? {
    val user = call.request.header("user") ?: return null
    val firm = call.request.header("firm") ?: return null
    val role = when (call.request.header("role")) {
        "admin" -> Role.ADMIN
        "member" -> Role.MEMBER
        else -> return null
    }
    return Actor(user, firm, role)
}

/** Errors as they are: they hold no client data, and their advice is for a firm's administrator. */
private suspend fun RoutingContext.answer(sdk: Sdk, work: suspend (Firm, Actor) -> Unit) {
    val actor = actor(call) ?: return call.respond(HttpStatusCode.Unauthorized)
    try {
        work(sdk.firm(actor), actor)
    } catch (failed: CasehugClioException) {
        val status = when (failed) {
            is AuthException -> HttpStatusCode.Conflict
            is NotPermittedException -> HttpStatusCode.Forbidden
            is InputException -> HttpStatusCode.UnprocessableEntity
            else -> HttpStatusCode.BadGateway
        }
        json("code" to JsonPrimitive(failed.code), "message" to JsonPrimitive(failed.advice), status = status)
    }
}

private suspend fun RoutingContext.json(
    vararg fields: Pair<String, JsonPrimitive>,
    status: HttpStatusCode = HttpStatusCode.OK,
) = call.respondText(JsonObject(mapOf(*fields)).toString(), ContentType.Application.Json, status)
