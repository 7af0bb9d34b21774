# What this package uses of the module that UniFFI writes, with the types that it leaves out.
from enum import Enum

def version() -> str: ...
def operations_digest() -> str: ...

class InternalError(Exception): ...

class Failure(Exception):
    class Sdk(Failure):
        json: str

class HostFailure(Exception):
    class Missing(HostFailure): ...
    class Failed(HostFailure): ...

class LogLevel(Enum):
    ERROR = 0
    WARNING = 1
    INFO = 2
    DEBUG = 3

class Role(Enum):
    ADMIN = 0
    MEMBER = 1

class Actor:
    def __init__(self, *, user: str, firm: str, role: Role) -> None: ...

class Header:
    def __init__(self, *, name: bytes, value: bytes) -> None: ...

class WorkerSettings:
    def __init__(
        self, *, concurrency: int | None, per_firm: int | None, poll_ms: int | None
    ) -> None: ...

class Looked:
    json: str | None

class Call:
    def look(self, wait_ms: int) -> Looked: ...
    async def finished(self) -> str: ...
    def cancel(self) -> None: ...

class Config:
    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        clio: str,
        database: str | None,
        sealing_key_id: str | None,
        sealing_key: str | None,
        earlier_sealing_keys: dict[str, str],
        intake_folder: str | None,
        webhook_url: str | None,
        late_execution_window_ms: int | None,
        index_delay_ms: int | None,
        request_timeout_ms: int | None,
        proxy: str | None,
        root_certificates: str | None,
        log_level: LogLevel,
    ) -> None: ...

class Ports:
    def __init__(
        self,
        *,
        store: HostStore | None,
        tokens: HostTokens | None,
        keys: HostKeys | None,
        intakes: HostIntakes | None,
        log: HostLog | None,
    ) -> None: ...

class Engine:
    def __init__(self, config: Config, ports: Ports) -> None: ...
    def call(self, actor: Actor | None, operation: str, arguments: str) -> Call: ...
    def call_host(self, operation: str, arguments: str) -> Call: ...
    def handle_webhook(self, token: str, headers: list[Header], body: bytes) -> Call: ...
    def start_worker(self, settings: WorkerSettings) -> None: ...
    def stop_worker(self) -> Call: ...
    def close(self) -> None: ...

class StoreKey:
    firm: str
    collection: str
    id: str
    def __init__(self, *, firm: str, collection: str, id: str) -> None: ...

class StoreRecord:
    def __init__(
        self, *, key: StoreKey, version: str, due_at_ms: int | None, body: str
    ) -> None: ...

class StoreScan:
    class IDS:
        firm: str
        collection: str
        first: str
        until: str | None
        descending: bool
        limit: int

    class DUE:
        firm: str | None
        collection: str
        limit: int

class StoreWrite:
    class PUT:
        key: StoreKey
        expect: str | None
        version: str
        due_in_ms: int | None
        body: str

    class DELETE:
        key: StoreKey
        expect: str

    class CHECK:
        key: StoreKey
        expect: str | None

class CommitAnswer:
    class DONE:
        def __init__(self, *, now_ms: int) -> None: ...

    class CONFLICT:
        def __init__(self) -> None: ...

class FoundRecord:
    def __init__(self, *, record: StoreRecord | None) -> None: ...

class FoundRecords:
    def __init__(self, *, records: list[StoreRecord]) -> None: ...

class WrappedBlob:
    def __init__(self, *, key_id: str, blob: bytes) -> None: ...

class UnwrappedKey:
    def __init__(self, *, key: bytes) -> None: ...

class IntakeText:
    def __init__(self, *, json: str) -> None: ...

class DocumentName:
    firm: str
    matter: str
    document: str
    upload: str

class StatedDocument:
    def __init__(self, *, length: int, revision: str, status: str, origin: str) -> None: ...

class OpenedDocument:
    def __init__(self, *, reader: HostReader) -> None: ...

class Chunk:
    def __init__(self, *, bytes: bytes, last: bool) -> None: ...

class ReaderClosed:
    def __init__(self, *, closed: bool) -> None: ...

class LineTaken:
    def __init__(self, *, taken: bool) -> None: ...

class Envelope:
    version: str
    envelope: str
    def __init__(self, *, version: str, envelope: str) -> None: ...

class FoundEnvelope:
    def __init__(self, *, envelope: Envelope | None) -> None: ...

class SwapAnswer(Enum):
    DONE = 0
    CONFLICT = 1

class EnvelopeRemoved:
    def __init__(self, *, removed: bool) -> None: ...

class Checked:
    case: str
    wrong: str | None

def check_store(store: HostStore, second: HostStore | None) -> list[Checked]: ...
def check_tokens(tokens: HostTokens) -> list[Checked]: ...
def check_keys(keys: HostKeys) -> list[Checked]: ...

class HostStore: ...
class HostTokens: ...
class HostKeys: ...
class HostIntakes: ...
class HostReader: ...
class HostLog: ...
