// "Approve" on the list of matters: what CaseHug itself says when an intake is approved.
for (const button of document.querySelectorAll("button[data-approve]")) {
  const said = button.nextElementSibling;
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "";
    try {
      const answer = await fetch("api/trigger_sync", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ matter: button.dataset.approve, trigger: "approved" }),
      });
      const told = await answer.json();
      if (!answer.ok) {
        said.textContent = told.error.message;
      } else if (told.accepted) {
        said.textContent = "Approved";
      } else {
        said.textContent = "Approved. The settings say that an approval syncs nothing";
      }
    } catch {
      said.textContent = "The service does not answer. Try again";
    } finally {
      button.disabled = false;
    }
  });
}
