package com.casehug.clio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.casehug.clio.ports.CommitAnswer;
import com.casehug.clio.ports.Key;
import com.casehug.clio.ports.Record;
import com.casehug.clio.ports.Scan;
import com.casehug.clio.ports.Store;
import com.casehug.clio.ports.Write;
import com.casehug.clio.testing.Checked;
import com.casehug.clio.testing.Checks;
import com.casehug.clio.types.AuditQuery;
import com.casehug.clio.types.RunStatus;
import com.casehug.clio.types.SettingsChange;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The SDK from plain Java, where nothing of Kotlin's is known. */
class JavaTest {
    private static final Actor ADMIN = new Actor("usr_1", "firm_1", Role.ADMIN);

    private static Config config(Path folder) {
        return new Config.Builder("casehug-dev", "casehug-dev-secret", "us")
                .database("sqlite:" + folder.resolve("clio.db"))
                .sealingKey("k1", "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248")
                .intakeFolder(folder.toString())
                .requestTimeout(Duration.ofSeconds(5))
                .log((level, target, message) -> {})
                .build();
    }

    @Test
    void aFirmIsAskedFor(@TempDir Path folder) {
        try (BlockingSdk sdk = BlockingSdk.open(config(folder))) {
            BlockingFirm firm = sdk.firm(ADMIN, Duration.ofSeconds(10));
            assertEquals(null, firm.connection().get());
            assertEquals(0, firm.audit().list(new AuditQuery.Builder().limit(10L).build()).getItems().size());
            long revision = firm.settings().get().getRevision();
            firm.settings().change(new SettingsChange.Builder(revision).contactReview(true).build());
            assertTrue(firm.settings().get().getContactReview());
            InputException none =
                    assertThrows(InputException.class, () -> firm.settings().importSettings("no document"));
            assertTrue(none.getAdvice().length() > 0);
            AuthException apart = assertThrows(AuthException.class, () -> firm.settings().reloadPracticeAreas());
            switch (apart.getCode()) {
                case Code.NOT_CONNECTED -> assertEquals("auth", apart.getKind());
                default -> throw new AssertionError(apart);
            }
            assertSame(RunStatus.SUCCEEDED, RunStatus.of("succeeded"));
            assertTrue(sdk.host().nextEvents(1, 0).isEmpty());
        }
    }

    @Test
    void nobodyIsNotTakenForTheServiceItself(@TempDir Path folder) {
        try (BlockingSdk sdk = BlockingSdk.open(config(folder))) {
            String events = "{\"limit\":1,\"wait_ms\":0}";
            assertThrows(NullPointerException.class, () -> sdk.call(null, "next_events", events));
            assertThrows(NullPointerException.class, () -> sdk.firm(null));
            assertEquals("[]", sdk.callHost("next_events", events));
            assertThrows(NotPermittedException.class, () -> sdk.callHost("get_health", "{}"));
        }
    }

    /** A store that knows nothing. */
    private static class Nothing implements Store {
        @Override
        public Record get(Key key) {
            return null;
        }

        @Override
        public List<Record> scan(Scan scan) {
            return null;
        }

        @Override
        public CommitAnswer commit(List<Write> writes) {
            return null;
        }
    }

    @Test
    void aStoreOfJavaIsChecked() {
        List<Checked> wrong = Checks.checkStore(new Nothing()).stream().filter(one -> one.getWrong() != null).toList();
        assertTrue(wrong.size() > 20, wrong::toString);
    }
}
