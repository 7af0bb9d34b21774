//! What the records say of an intake: what the planner looks at.

use super::driver::Engine;
use super::plan::{Plan, PlanInput, plan};
use super::things::{self, ContactKey, DocumentThing, Thing};
use super::{LinkState, dedupe};
use crate::auth::{Links, PracticeAreas};
use crate::error::Result;
use crate::model::{DocumentKey, DocumentRef, FirmId, Intake};

impl Engine {
    pub(super) async fn plan(&self, links: &Links, intake: &Intake) -> Result<Plan> {
        let firm = &links.firm;
        let contact = self.journal.get::<Thing>(&things::contact_key(links, &intake.client.id)).await?;
        let matter = self.journal.get::<Thing>(&things::matter_key(links, &intake.matter.id)).await?;
        let (mut documents, mut lengths) = (Vec::new(), Vec::new());
        let known = things::documents_of(&self.journal, links, &intake.matter.id).await?;
        for document in &intake.documents {
            let key = intake.key_of(document);
            let state = DocumentThing::state(known.get(&key.to_string()));
            let document = DocumentRef { firm: firm.clone(), key };
            // Only what would be uploaded is looked at; a file that cannot be read is the step's failure, not the plan's.
            let len = match state {
                LinkState::Unknown => self.intake.stat(&document).await.ok().map(|stat| stat.len),
                _ => None,
            };
            documents.push(state);
            lengths.push(len);
        }
        let areas = PracticeAreas::load(&self.journal, firm).await?;
        let contact = Thing::state(contact.as_ref());
        let same_email = match contact {
            LinkState::Unknown => self.same_email(links, intake).await?,
            _ => LinkState::Unknown,
        };
        Ok(plan(&PlanInput {
            intake,
            contact,
            same_email,
            matter: Thing::state(matter.as_ref()),
            documents: &documents,
            lengths: &lengths,
            settings: &self.settings(firm).await?,
            areas: &areas.map_or_else(Vec::new, |stored| stored.value.areas),
        }))
    }

    /// Documents that were being published and that the intake does not name any more.
    pub(super) async fn orphans(&self, links: &Links, intake: &Intake) -> Result<Vec<DocumentKey>> {
        let named: Vec<String> = intake.documents.iter().map(|document| intake.key_of(document).to_string()).collect();
        let known = things::documents_of(&self.journal, links, &intake.matter.id).await?;
        let open = known.into_iter().filter(|(key, stored)| {
            matches!(&stored.value, DocumentThing::Intent(intent) if intent.finishing.is_some()) && !named.contains(key)
        });
        open.map(|(key, _)| DocumentKey::parse(&key)).collect()
    }

    async fn same_email(&self, links: &Links, intake: &Intake) -> Result<LinkState> {
        let Some(digest) = self.email_digest(&links.firm, intake).await? else { return Ok(LinkState::Unknown) };
        let Some(key) = self.journal.get::<ContactKey>(&things::email_key(links, &digest)).await? else {
            return Ok(LinkState::Unknown);
        };
        let thing = self.journal.get::<Thing>(&things::contact_key(links, &key.value.client)).await?;
        Ok(Thing::state(thing.as_ref()))
    }

    /// The keyed digest of the client's email: what an address is looked up by.
    pub(super) async fn email_digest(&self, firm: &FirmId, intake: &Intake) -> Result<Option<String>> {
        match &intake.client.email {
            Some(email) if !email.expose().trim().is_empty() => {
                let normal = dedupe::normal_email(email.expose());
                Ok(Some(self.keyring.address_digest(firm, &normal).await?))
            }
            _ => Ok(None),
        }
    }
}
