//! What the records say of an intake: what the planner looks at.

use super::engine::Engine;
use super::plan::{Plan, PlanInput, plan};
use crate::connection::Links;
use crate::contact_review::known_name_agrees;
use crate::domain::{Confidential, DocumentKey, DocumentRef, FirmId, Intake};
use crate::error::Result;
use crate::links::names::Name;
use crate::links::things::{DocumentThing, Thing};
use crate::links::{LinkState, things};
use crate::settings::PracticeAreas;

/// What an address is looked up by.
pub(crate) struct EmailDigests {
    /// Of its canonical form.
    pub digest: String,
    /// Of what records were made with before there was one.
    pub former: Vec<String>,
}

impl Engine {
    pub(crate) async fn plan(&self, links: &Links, intake: &Intake) -> Result<Plan> {
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
                LinkState::Unknown => {
                    let stat = self.intake.stat(&document).await;
                    stat.map(|stat| stat.len).map_err(|error| error.code())
                }
                _ => Ok(0),
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
            areas: areas.as_ref().map(|stored| stored.value.areas.as_slice()),
        }))
    }

    /// Documents that were being published and that the intake does not name any more.
    pub(crate) async fn orphans(&self, links: &Links, intake: &Intake) -> Result<Vec<DocumentKey>> {
        let named: Vec<String> = intake.documents.iter().map(|document| intake.key_of(document).to_string()).collect();
        let known = things::documents_of(&self.journal, links, &intake.matter.id).await?;
        let open = known.into_iter().filter(|(key, stored)| {
            matches!(&stored.value, DocumentThing::Intent(intent) if intent.finishing.is_some()) && !named.contains(key)
        });
        open.map(|(key, _)| DocumentKey::parse(&key)).collect()
    }

    async fn same_email(&self, links: &Links, intake: &Intake) -> Result<LinkState> {
        let Some(email) = self.email_digests(&links.firm, intake).await? else { return Ok(LinkState::Unknown) };
        let client = &intake.client;
        let name = Name::new(client.first_name.expose(), client.last_name.expose());
        for speaker in self.speakers(links, &email).await?.clients {
            let thing = self.journal.get::<Thing>(&things::contact_key(links, &speaker)).await?;
            match Thing::state(thing.as_ref()) {
                LinkState::Unknown => {}
                LinkState::InDoubt => return Ok(LinkState::InDoubt),
                // Of another name: Clio is asked.
                LinkState::Linked(clio) => {
                    if known_name_agrees(&self.journal, &self.keyring, links, clio, &name).await? == Some(true) {
                        return Ok(LinkState::Linked(clio));
                    }
                }
            }
        }
        Ok(LinkState::Unknown)
    }

    /// The keyed digests of the client's email: what an address is looked up by.
    pub(crate) async fn email_digests(&self, firm: &FirmId, intake: &Intake) -> Result<Option<EmailDigests>> {
        let Some(address) = intake.client.address() else { return Ok(None) };
        let text = intake.client.email.as_ref().map_or("", Confidential::expose);
        let digest = self.keyring.address_digest(firm, &address.key()).await?;
        let mut former = Vec::new();
        for key in address.former_keys(text) {
            former.push(self.keyring.address_digest(firm, &key).await?);
        }
        Ok(Some(EmailDigests { digest, former }))
    }
}
