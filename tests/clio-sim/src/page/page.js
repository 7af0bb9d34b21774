// Shows the simulator's records, and lets a person change a matter's status as inside Clio. Rows
// are kept and their texts replaced, so that a select that has the focus keeps it.
const EVERY_MS = 1000;
// As a request writes them; Clio shows them with a capital letter.
const STATUSES = ["open", "pending", "closed"];

// Why the last change did not succeed; it is shown until another does.
let refused = "";

const byId = (id) => document.getElementById(id);

async function edit(matter, select) {
  const status = select.value;
  refused = "";
  try {
    const answer = await fetch("/__sim/edit", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resource: "matters", id: matter.id, data: { status } }),
    });
    if (!answer.ok) refused = `The status was not changed: the simulator answered ${answer.status}.`;
  } catch {
    refused = "The status was not changed: the simulator does not answer.";
  }
  // What it was, until the simulator says otherwise.
  if (refused) select.value = select.dataset.shown.toLowerCase();
  await look();
}

function statusOf(matter, cell) {
  let select = cell.firstElementChild;
  if (!select) {
    select = document.createElement("select");
    select.append(...STATUSES.map((status) => new Option(status[0].toUpperCase() + status.slice(1), status)));
    select.addEventListener("change", () => edit(matter, select));
    cell.append(select);
  }
  select.setAttribute("aria-label", `Status of ${matter.display_number}`);
  if (document.activeElement !== select || select.dataset.shown !== matter.status) {
    select.value = matter.status.toLowerCase();
  }
  select.dataset.shown = matter.status;
}

// A column is a text, or a function that fills its cell.
const columns = {
  contacts: (contact) => [
    contact.id,
    contact.name,
    contact.email_addresses.map((email) => email.address).join(", "),
    contact.phone_numbers.map((phone) => phone.number).join(", "),
  ],
  matters: (matter) => [
    matter.display_number,
    matter.description,
    matter.client?.name,
    matter.practice_area?.name ?? "none",
    (cell) => statusOf(matter, cell),
  ],
  documents: (record, state) => [
    record.id,
    record.name,
    state.matters.find((matter) => matter.id === record.matter_id)?.display_number ?? record.matter_id,
    record.size,
    record.complete ? "complete" : "being uploaded",
  ],
};

function show(kind, state) {
  const body = byId(kind);
  const records = state[kind].filter((record) => !record.deleted);
  const rows = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  for (const record of records) {
    const cells = columns[kind](record, state);
    const id = String(record.id);
    let row = rows.get(id);
    rows.delete(id);
    if (!row) {
      row = body.insertRow();
      row.dataset.id = id;
      cells.forEach(() => row.insertCell());
    }
    // The link from CaseHug, which in Clio leads to the matter's page.
    row.toggleAttribute("data-chosen", location.hash === `#/${kind}/${id}`);
    cells.forEach((cell, at) => {
      if (typeof cell === "function") {
        cell(row.cells[at]);
      } else {
        row.cells[at].textContent = cell ?? "";
      }
    });
  }
  rows.forEach((row) => row.remove());
}

function say(problem) {
  byId("problem").textContent = problem;
}

async function look() {
  try {
    const state = await (await fetch("/__sim/state")).json();
    byId("account").textContent = state.account.name;
    byId("counts").textContent = `${state.calls.total} calls, webhook subscriptions: ${state.webhooks.length}.`;
    Object.keys(columns).forEach((kind) => show(kind, state));
    say(refused);
  } catch {
    say("The simulator does not answer.");
  }
}

async function forever() {
  await look();
  setTimeout(forever, EVERY_MS);
}

forever();
