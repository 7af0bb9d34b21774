import com.casehug.clio.Actor
import com.casehug.clio.Config
import com.casehug.clio.Role
import com.casehug.clio.Sdk

suspend fun main(arguments: Array<String>) {
    val (url, intakes, matter, database) = arguments
    val config = Config(
        clientId = "casehug-dev", // yours: from Clio's developer portal
        clientSecret = "casehug-dev-secret",
        clio = url, // in production: us, eu, ca or au
        database = "sqlite:$database", // or postgres://USER@HOST/DATABASE, or a store of yours
        intakeFolder = intakes, // or intakes of yours, over your own storage
        sealingKey = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248", // or keys: a KMS
        sealingKeyId = "2026-11",
    )
    Sdk.open(config).use { sdk ->
        val firm = sdk.firm(Actor("usr_1", "firm_1", Role.ADMIN))

        // Connect, once per firm: an admin's browser goes to Clio and back to your redirect URI.
        if (firm.connection.get() == null) {
            val start = firm.connection.begin("http://127.0.0.1:9/callback")
            println("Open this page, allow access, and paste the address that you land on:")
            println(start.authorizeUrl)
            firm.connection.finish(readln().substringAfter('?'))
        }

        // Sync. Do it again whenever you like: only what is missing is sent.
        val report = firm.matters.sync(matter)
        for (step in report.steps) {
            println("${step.step} ${step.id} ${step.outcome}")
        }
        println("${report.status}: ${report.calls} calls")
    }
}
