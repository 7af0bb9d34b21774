//! One run: planned, driven, and all but its end written down.

use std::collections::VecDeque;

use super::driver::Driver;
use super::order::{Followers, Order};
use super::plan::{Plan, PlannedMatter};
use super::plan_input::{self, KnownDocuments};
use super::recovery::{self, Recovery};
use super::run::{Run, RunRecord};
use crate::calls::{ApiClient, Context};
use crate::domain::report::StepReport;
use crate::domain::{ClioId, FirmId, Intake, MatterId, SyncReport};
use crate::error::{Code, Error, Failure, Result};
use crate::links::link_record;
use crate::maybe_send::{MaybeSend, MaybeSync};
use crate::ports::Expect;
use crate::settings;
use crate::settings::{FirmSettings, PracticeAreas, note_seen};

/// Is told of each step when it ends. For progress only: what it misses is in the report.
pub trait Progress: MaybeSend + MaybeSync {
    /// A step ended.
    fn step(&self, matter: &MatterId, step: &StepReport);
}

/// A run that is over, but for its end in the records.
pub(crate) struct Ended {
    pub run: Run,
    /// The report, and the matter in Clio if it is there.
    pub result: Result<(SyncReport, Option<ClioId>)>,
}

/// What a run goes by.
struct Prepared {
    intake: Intake,
    plan: Plan,
    known: KnownDocuments,
    settings: FirmSettings,
    recovery: Option<Recovery>,
    recovery_seen: Expect,
}

/// Carries out an order. Ends early when its fence is gone.
pub(crate) async fn execute(
    ctx: &Context,
    order: &Order,
    followers: &dyn Followers,
    progress: Option<&dyn Progress>,
) -> Ended {
    let record = RunRecord::begun(order, ctx.runtime.now());
    let mut run = Run::new(order.run.clone(), &order.scope.firm, record);
    let result = match prepare(ctx, order, &mut run).await {
        Ok(prepared) => drive(ctx, order, followers, progress, &mut run, prepared).await,
        Err(error) => Err(error),
    };
    Ended { run, result }
}

async fn drive(
    ctx: &Context,
    order: &Order,
    followers: &dyn Followers,
    progress: Option<&dyn Progress>,
    run: &mut Run,
    prepared: Prepared,
) -> Result<(SyncReport, Option<ClioId>)> {
    let Prepared { intake, plan, known, settings, recovery, recovery_seen } = prepared;
    let mut driver = Driver {
        ctx,
        order,
        followers,
        firm: &order.scope.firm,
        intake: &intake,
        known: &known,
        settings,
        client_api: ApiClient::of_run(ctx, &order.scope, order.class, &order.fence, plan.calls.most),
        run,
        recovery,
        recovery_seen,
        review: None,
        processing_is_slow: false,
        plan_asked: false,
        rounds: 0,
        progress,
        uploads: VecDeque::new(),
        announced: Vec::new(),
        ahead: None,
    };
    let driven = driver.drive(&plan).await;
    // However it ends, the log tells what it cost.
    driver.run.record.calls = driver.client_api.calls();
    driver.run.record.retries = driver.client_api.retries();
    let survived = driver.client_api.survived();
    driver.run.record.survived = survived.as_ref().map(Failure::from);
    driven?;
    driver.finish().await
}

async fn prepare(ctx: &Context, order: &Order, run: &mut Run) -> Result<Prepared> {
    let firm = &order.scope.firm;
    let mut intake = load_intake(ctx, firm, &order.matter).await?;
    run.client = Some(intake.client.id.clone());
    // What is looked at first, in one read.
    let keys = [
        settings::settings_key(firm),
        link_record::contact_key(&order.scope, &intake.client.id),
        link_record::matter_key(&order.scope, &intake.matter.id),
        PracticeAreas::key(firm),
        settings::seen_key(firm),
        recovery::key(firm),
    ];
    let ctx = &Context { repository: ctx.repository.reading(&keys).await?, ..ctx.clone() };
    let settings = settings::load(&ctx.repository, firm).await?;
    let (mut plan, known) = plan_input::plan(ctx, &order.scope, &intake, &settings).await?;
    if let (PlannedMatter::Create(_), Some(case_type)) = (plan.matter, &intake.matter.case_type) {
        let noted = note_seen(&ctx.repository, &ctx.keyring, firm, case_type.expose()).await;
        if let Err(error) = noted {
            tracing::debug!(%firm, code = error.code().name(), "a case type was not noted");
        }
    }
    if !order.trigger.sends_documents() {
        run.documents_left = plan.documents.drain(..).any(|(_, document)| document.is_to_be_sent());
        intake.documents.clear();
    }
    let (recovery, recovery_seen) = recovery::load(&ctx.repository, firm, ctx.config.index_delay).await?;
    Ok(Prepared { intake, plan, known, settings, recovery, recovery_seen })
}

/// The intake of a matter, checked.
pub(crate) async fn load_intake(ctx: &Context, firm: &FirmId, matter: &MatterId) -> Result<Intake> {
    let intake = ctx.intake.load(firm, matter).await?;
    if intake.matter.id != *matter {
        return Err(Error::new(Code::IntakeInvalid).with("field", "matter.id").with("reason", "other_matter"));
    }
    intake.check()?;
    Ok(intake)
}
