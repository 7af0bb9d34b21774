"""The ordinary requests of PyPI's clio-manage-api-client, against the clio-sim that CLIO_URL and CLIO_TOKEN name.

The client is used as its README says, and is told one thing it has no setting for: where Clio is.
"""

import contextlib
import datetime
import io
import os
import time

import requests
from clio_manage_python_client import Manage, configs

URL = os.environ["CLIO_URL"]
configs.BASE_URL["us"] = URL
CLIENT = Manage(access_token=os.environ["CLIO_TOKEN"])


def call(endpoint, **parameters):
    """One call; what the client prints while it works is of no interest."""
    with contextlib.redirect_stdout(io.StringIO()):
        answer = endpoint(**parameters)
    assert not (answer or {}).get("errors"), answer
    return answer


def data(endpoint, **parameters):
    return call(endpoint, **parameters)["data"]


def control(name, body):
    answer = requests.post(f"{URL}/__sim/{name}", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def contacts():
    made = data(CLIENT.create.contacts, name="Ada Byron", type="Person", fields="id,name,first_name,last_name")
    assert (made["first_name"], made["last_name"]) == ("Ada", "Byron"), made
    for number in range(24):
        data(CLIENT.create.contacts, type="Person", name=f"Person {number}", first_name="P", last_name=str(number))
    assert len(data(CLIENT.get.contacts, limit=10, fields="id, name,")) == 10
    # It follows `next`, and adds its own parameters to it each time.
    everybody = data(CLIENT.all.contacts, limit=7, fields="id,name,email_addresses{id,address}", client_only=False)
    assert len({contact["id"] for contact in everybody}) == len(everybody), "each once"
    clients = data(CLIENT.all.contacts, client_only=True)
    assert len(clients) <= len(everybody)
    since = datetime.datetime.now() - datetime.timedelta(days=2)
    assert len(data(CLIENT.all.contacts, created_since=since, limit=200)) >= 25, "a time without an offset"
    shown = data(CLIENT.get.contacts, id=made["id"], fields="all,currency{code}")
    assert shown["currency"]["code"] == "USD", shown
    assert data(CLIENT.get.contacts, id=made["id"], fields="all_ids")["currency"]["id"] == 1
    changed = data(CLIENT.patch.contacts.patch, id=made["id"], name="Ada Lovelace", type="Person", fields="name")
    assert changed["name"] == "Ada Lovelace", changed
    assert {"id", "etag"} == set(data(CLIENT.get.contacts, id=made["id"])), "without fields: id and etag"
    return made["id"]


def matters(client):
    assert data(CLIENT.all.practice_areas, fields="id,name,category"), "the firm has practice areas"
    me = data(CLIENT.get.users.who_am_i, fields="id,name")
    assert me in data(CLIENT.get.users, fields="id,name")
    made = data(
        CLIENT.create.matters,
        client={"id": client},
        description="Byron v. Babbage",
        open_date=datetime.datetime(2026, 1, 2),
        fields="id,status,open_date,client{id},responsible_staff{name},attorney_allocation{id}",
    )
    assert (made["status"], made["open_date"]) == ("Open", "2026-01-02"), made
    whole = data(CLIENT.get.matters, id=made["id"], fields="all_ids")
    assert whole["client"]["id"] == client and whole["currency"]["id"] == 1, whole
    closed = data(CLIENT.patch.matters.patch, id=made["id"], status="Closed", fields="status")
    assert closed["status"] == "Closed", closed
    assert [made["id"]] == [matter["id"] for matter in data(CLIENT.all.matters, client_id=client, status="closed")]
    return made["id"]


def documents(matter):
    # The client drops `put_headers` from this: it knows plain fields of a nested record only. So the headers are those of Clio's guide.
    fields = "id,latest_document_version{uuid,put_url}"
    made = data(CLIENT.create.documents, name="will.pdf", parent={"id": matter, "type": "Matter"}, fields=fields)
    version = made["latest_document_version"]
    headers = {"Content-Type": "application/pdf", "x-amz-server-side-encryption": "AES256"}
    assert requests.put(version["put_url"], data=b"last will", headers=headers, timeout=10).status_code == 200
    patch = CLIENT.patch.documents.patch
    done = data(patch, id=made["id"], uuid=version["uuid"], fully_uploaded=True, fields="id,size")
    assert done["size"] == 9, done
    assert made["id"] in [document["id"] for document in data(CLIENT.all.documents, matter_id=matter)]


def webhooks():
    hook = {"url": "https://casehug.example/hook", "model": "matter", "fields": "id,status", "events": ["updated"]}
    made = data(CLIENT.create.webhooks, **hook, response_fields="id,status,model")
    assert (made["status"], made["model"]) == ("pending", "matter"), made
    assert made["id"] in [hook["id"] for hook in data(CLIENT.all.webhooks)]
    assert call(CLIENT.delete.webhooks.delete, id=made["id"]) is None, "204 without a body"


def not_simulated():
    for endpoint in (CLIENT.get.tasks, CLIENT.get.activities):
        try:
            call(endpoint)
        except RuntimeError as error:
            assert "501" in str(error) and "does not simulate GET /api/v4/" in str(error), error
        else:
            raise AssertionError("it answered")


def rate_limit():
    """The client waits by the headers of the answers, and is never refused."""
    control("config", {"rate_limit": 4, "rate_window_s": 3})
    control("reset_rate_limits", {})
    begun = time.monotonic()
    for _ in range(6):
        data(CLIENT.get.practice_areas)
    assert time.monotonic() - begun > 1, "it waited"
    refused = requests.get(f"{URL}/__sim/state", timeout=10).json()["calls"]["rejected"].get("429")
    assert refused is None, f"{refused} times 429"


def main():
    matter = matters(contacts())
    documents(matter)
    webhooks()
    not_simulated()
    rate_limit()
    print("clio-manage-api-client: contacts, matters, documents, users, practice areas, webhooks, pages, the rate limit")


main()
