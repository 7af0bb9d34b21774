//! What the records say of an intake: what the planner looks at.

use std::collections::BTreeMap;

use super::execute::load_intake;
use super::plan::{self, Plan, PlanInput};
use super::same_email;
use crate::calls::Context;
use crate::connection::AccountScope;
use crate::contact_review::{contact_is_gone, known_name_agrees};
use crate::domain::{Confidential, DocumentKey, DocumentRef, FirmId, Intake, MatterId};
use crate::error::Result;
use crate::inbound::status::is_gone;
use crate::links::link_record::{DocumentIntent, DocumentRecord, LinkRecord};
use crate::links::names::Name;
use crate::links::{LinkState, link_record};
use crate::settings;
use crate::settings::{FirmSettings, PracticeAreas};
use crate::store::Versioned;

/// What an address is looked up by.
pub(crate) struct EmailDigests {
    /// Of its canonical form.
    pub digest: String,
    /// Of what records were made with before there was one.
    pub former: Vec<String>,
}

/// The records of a matter's documents, by their keys.
pub(crate) type KnownDocuments = BTreeMap<String, Versioned<DocumentRecord>>;

/// The plan, and what is known of the matter's documents.
pub(crate) async fn plan(
    ctx: &Context,
    scope: &AccountScope,
    intake: &Intake,
    settings: &FirmSettings,
) -> Result<(Plan, KnownDocuments)> {
    let firm = &scope.firm;
    let contact = ctx.repository.get::<LinkRecord>(&link_record::contact_key(scope, &intake.client.id)).await?;
    let matter = ctx.repository.get::<LinkRecord>(&link_record::matter_key(scope, &intake.matter.id)).await?;
    let (mut documents, mut lengths, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    let known = link_record::documents_of(&ctx.repository, scope, &intake.matter.id).await?;
    for document in &intake.documents {
        let key = intake.key_of(document);
        let stored = known.get(&key.to_string());
        let state = DocumentRecord::state(stored);
        // A host without upload ids may have another file under the same one.
        let is_default = key.upload.as_str() == key.document.as_str();
        let in_clio = link_record::len_in_clio(stored).filter(|_| is_default);
        let document = DocumentRef { firm: firm.clone(), key };
        // A file that cannot be read is the step's failure, not the plan's.
        let len = if state == LinkState::Unknown || in_clio.is_some() {
            let stat = ctx.intake.stat(&document).await;
            stat.map(|stat| stat.len).map_err(|error| error.code())
        } else {
            Ok(0)
        };
        documents.push(state);
        lengths.push(len);
        sent.push(in_clio);
    }
    let areas = PracticeAreas::load(&ctx.repository, firm).await?;
    let (mut contact, mut matter) = (LinkRecord::state(contact.as_ref()), LinkRecord::state(matter.as_ref()));
    if let LinkState::Linked(clio) = contact
        && contact_is_gone(&ctx.repository, scope, clio).await?.is_some()
    {
        contact = LinkState::Gone(clio);
    }
    if let LinkState::Linked(clio) = matter
        && is_gone(&ctx.repository, scope, clio).await?
    {
        matter = LinkState::Gone(clio);
    }
    let same_email = match contact {
        LinkState::Unknown => same_email(ctx, scope, intake).await?,
        _ => LinkState::Unknown,
    };
    let plan = plan::plan(&PlanInput {
        intake,
        contact,
        same_email,
        matter,
        documents: &documents,
        lengths: &lengths,
        in_clio: &sent,
        settings,
        areas: areas.as_ref().and_then(|stored| stored.value.known()),
    });
    Ok((plan, known))
}

/// What a run of this matter would do now. Makes no call to Clio and changes nothing.
pub(crate) async fn plan_matter(ctx: &Context, firm: &FirmId, matter: &MatterId) -> Result<Plan> {
    let intake = load_intake(ctx, firm, matter).await?;
    let settings = settings::load(&ctx.repository, firm).await?;
    Ok(plan(ctx, &AccountScope::current(&ctx.repository, firm).await?, &intake, &settings).await?.0)
}

/// Documents that were begun and that the intake does not name any more.
pub(crate) fn orphans(known: &KnownDocuments, intake: &Intake) -> Result<Vec<DocumentKey>> {
    let named: Vec<String> = intake.documents.iter().map(|document| intake.key_of(document).to_string()).collect();
    // What an admin decided of one that was not being published waits for its upload to come back.
    let begun = |intent: &DocumentIntent| intent.finishing.is_some() || intent.decision.is_none();
    let open = known.iter().filter(|(key, stored)| {
        matches!(&stored.value, DocumentRecord::Intent(intent) if begun(intent)) && !named.contains(key)
    });
    open.map(|(key, _)| DocumentKey::parse(key)).collect()
}

async fn same_email(ctx: &Context, scope: &AccountScope, intake: &Intake) -> Result<LinkState> {
    let Some(email) = email_digests(ctx, &scope.firm, intake).await? else { return Ok(LinkState::Unknown) };
    let client = &intake.client;
    let name = Name::new(client.first_name.expose(), client.last_name.expose());
    for canonical in same_email::canonical_contacts(ctx, scope, &email).await?.clients {
        let link_record = ctx.repository.get::<LinkRecord>(&link_record::contact_key(scope, &canonical)).await?;
        match LinkRecord::state(link_record.as_ref()) {
            LinkState::Unknown => {}
            LinkState::InDoubt => return Ok(LinkState::InDoubt),
            // Of another name: Clio is asked.
            LinkState::Linked(clio) | LinkState::Gone(clio) => {
                if known_name_agrees(&ctx.repository, &ctx.keyring, scope, clio, &name).await? == Some(true) {
                    return Ok(LinkState::Linked(clio));
                }
            }
        }
    }
    Ok(LinkState::Unknown)
}

/// The keyed digests of the client's email: what an address is looked up by.
pub(crate) async fn email_digests(ctx: &Context, firm: &FirmId, intake: &Intake) -> Result<Option<EmailDigests>> {
    let Some(address) = intake.client.address() else { return Ok(None) };
    let text = intake.client.email.as_ref().map_or("", Confidential::expose);
    let digest = ctx.keyring.address_digest(firm, &address.key()).await?;
    let mut former = Vec::new();
    for key in address.former_keys(text) {
        former.push(ctx.keyring.address_digest(firm, &key).await?);
    }
    Ok(Some(EmailDigests { digest, former }))
}
