//! One run: every name looked at, certificates ordered where they are due, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use instant_acme::{Account, CertificateIdentifier};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use super::account::{self, Registration};
use super::arguments::{CertificateAuthority, CertifyArguments};
use super::failure::Failure;
use super::http_client::Http;
use super::installation;
use super::messages::{Listed, NameOutcome, authority, moment, table, tell};
use super::order::{self, Issued, Wish};
use super::plan::{CurrentCertificate, Life, NextStep, Seconds, step};
use super::probe;
use super::proof::Proof;
use super::renewal_record::{Failed, RenewalRecord, RenewalWindow};
use super::shelf::{Shelf, Stock, seconds};
use super::storage::Storage;
use super::wanted::{self, WantedName, address};
use crate::certificates::FolderName;

/// Names that are worked on at the same time. Most of the time of each is spent waiting.
const AT_ONCE: usize = 4;

/// The state that all names of a run share.
#[derive(Debug)]
pub(super) struct Session {
    arguments: CertifyArguments,
    authorities: Vec<CertificateAuthority>,
    registration: Registration,
    shelf: Shelf,
    storage: Storage,
    http: Http,
    accounts: BTreeMap<String, OnceCell<Result<Opened, Failure>>>,
    now: fn() -> Seconds,
}

#[derive(Clone)]
struct Opened(Account);

impl std::fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.id())
    }
}

/// A name, and what is known of it.
#[derive(Debug)]
struct PlannedName {
    name: FolderName,
    is_counterpart: bool,
    held: CurrentCertificate,
    /// The authority's own name of the certificate that is held.
    replaced: Option<CertificateIdentifier<'static>>,
}

impl Session {
    pub(super) fn new(
        arguments: CertifyArguments,
        shelf: Shelf,
        storage: Storage,
        http: Http,
        now: fn() -> Seconds,
    ) -> Result<Self, Failure> {
        let (authorities, registration) =
            (arguments.issuing.authorities(), arguments.issuing.registration()?);
        let accounts = directories(&authorities).into_iter().map(|it| (it, OnceCell::new()));
        let accounts = accounts.collect();
        Ok(Self { arguments, authorities, registration, shelf, storage, http, accounts, now })
    }

    /// Looks after every name. Gives the names that failed.
    ///
    /// # Errors
    /// When the sites or the certificates cannot be listed.
    pub(super) async fn run(self: Arc<Self>) -> Result<Vec<FolderName>, Failure> {
        let stock = self.shelf.stock()?;
        let wanted = self.wanted()?;
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for WantedName { name, is_counterpart } in wanted {
            let (held, replaced) = (stock.held(&name), replaced(&stock, &name));
            let subject = PlannedName { name, is_counterpart, held, replaced };
            let (session, places) = (Arc::clone(&self), Arc::clone(&places));
            tasks.spawn(async move {
                let _place = places.acquire_owned().await;
                let outcome = session.look_after(&subject).await;
                tell(&subject.name, &outcome);
                (subject.name, outcome)
            });
        }
        let mut failed = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((name, NameOutcome::Failed(_))) => failed.push(name),
                Ok(_) => {}
                Err(error) => return Err(Failure::Here(error.to_string())),
            }
        }
        failed.sort();
        Ok(failed)
    }

    /// The text of `--list`: what a run would do, as far as that can be told without asking anybody.
    pub(super) fn list(&self) -> Result<String, Failure> {
        let stock = self.shelf.stock()?;
        let directories: Vec<_> = self.authorities.iter().map(|it| it.directory.clone()).collect();
        let mut names: BTreeMap<FolderName, bool> =
            self.wanted()?.into_iter().map(|wanted| (wanted.name, wanted.is_counterpart)).collect();
        for name in stock.names() {
            names.entry(name.clone()).or_insert(false);
        }
        let now = (self.now)();
        let known: Vec<_> = names
            .into_iter()
            .map(|(name, is_counterpart)| {
                let (held, record) = (stock.held(&name), self.storage.record(&name));
                let step = match self.obstacle(&name) {
                    Some(obstacle) if held == CurrentCertificate::Nothing => Err(obstacle),
                    _ => Ok(step(&held, &record, &directories, now)),
                };
                (name, is_counterpart, held, record, step)
            })
            // A counterpart that was never tried may be one that the DNS does not know.
            .filter(|(_, is_counterpart, held, record, _)| {
                !is_counterpart || *held != CurrentCertificate::Nothing || !record.is_empty()
            })
            .collect();
        let listed: Vec<_> = known
            .iter()
            .map(|(name, _, held, record, step)| Listed { name, held, record, step: step.clone() })
            .collect();
        Ok(table(&listed, now))
    }

    fn wanted(&self) -> Result<Vec<WantedName>, Failure> {
        Ok(wanted::wanted(&site_names(&self.arguments.sites)?))
    }

    fn obstacle(&self, name: &FolderName) -> Option<&'static str> {
        let has_hook = self.arguments.issuing.dns_hook.is_some();
        wanted::obstacle(name, self.arguments.issuing.acme_ca.is_some(), has_hook)
    }

    async fn look_after(&self, subject: &PlannedName) -> NameOutcome {
        if matches!(subject.held, CurrentCertificate::Foreign | CurrentCertificate::Covered) {
            return NameOutcome::Quiet;
        }
        let is_spare = subject.is_counterpart && subject.held == CurrentCertificate::Nothing;
        if let Some(obstacle) = self.obstacle(&subject.name) {
            let told = !is_spare;
            return if told { NameOutcome::LeftOut(obstacle.into()) } else { NameOutcome::Quiet };
        }
        if let (true, FolderName::Host(host)) = (is_spare, &subject.name)
            && !probe::resolves(host).await
        {
            return NameOutcome::Quiet;
        }
        let mut record = self.storage.record(&subject.name);
        if let CurrentCertificate::Ours(life) = &subject.held {
            self.ask_for_window(subject, life, &mut record).await;
        }
        let directories: Vec<_> = self.authorities.iter().map(|it| it.directory.clone()).collect();
        let rehearse = match step(&subject.held, &record, &directories, (self.now)()) {
            NextStep::Leave | NextStep::Keep { .. } => return NameOutcome::Kept,
            NextStep::Order { rehearse, .. } => rehearse,
            NextStep::Pause { until } => {
                let reason = record.failure.map_or_else(String::new, |failure| failure.reason);
                let until = moment(until);
                return NameOutcome::Failed(format!("not tried again before {until}: {reason}"));
            }
            NextStep::WrongClock => {
                let now = moment((self.now)());
                return NameOutcome::Failed(format!(
                    "its certificate is from the future: this machine's clock says {now}, mend it"
                ));
            }
        };
        let proof = self.proof(&subject.name);
        if let Err(failure) = self.check(&subject.name, &proof).await {
            // Somebody may well keep the counterpart elsewhere.
            if is_spare {
                return NameOutcome::LeftOut(failure.to_string());
            }
            return self.failed(subject, record, None, &failure);
        }
        self.obtain(subject, record, &proof, rehearse).await
    }

    /// Asks the authority when it wants its certificate to be renewed, and remembers that. What it
    /// does not tell, the life that is left does.
    async fn ask_for_window(&self, subject: &PlannedName, life: &Life, record: &mut RenewalRecord) {
        let (Some(replaced), true) =
            (&subject.replaced, self.accounts.contains_key(&life.directory))
        else {
            return;
        };
        let Ok(account) = self.account(&life.directory).await else { return };
        let Ok((info, _)) = account.renewal_info(replaced).await else { return };
        let window = info.suggested_window;
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        let window = RenewalWindow {
            leaf: life.leaf.clone(),
            start: seconds(window.start.unix_timestamp()),
            end: seconds(window.end.unix_timestamp()),
        };
        if record.window.as_ref() != Some(&window) {
            record.window = Some(window);
            if let Err(failure) = self.storage.keep(&subject.name, record) {
                super::messages::warn(&failure);
            }
        }
    }

    /// An address is nothing that the DNS could prove.
    fn proof(&self, name: &FolderName) -> Proof {
        let is_address = matches!(name, FolderName::Host(host) if address(host).is_some());
        match &self.arguments.issuing.dns_hook {
            Some(program) if !is_address => Proof::Dns(program.clone()),
            _ => Proof::Http(self.shelf.clone()),
        }
    }

    async fn check(&self, name: &FolderName, proof: &Proof) -> Result<(), Failure> {
        match (name, proof) {
            (FolderName::Host(host), Proof::Http(tls)) if !self.arguments.issuing.no_self_check => {
                probe::check(host, tls).await
            }
            _ => Ok(()),
        }
    }

    /// Asks one authority after the other.
    async fn obtain(
        &self,
        subject: &PlannedName,
        record: RenewalRecord,
        proof: &Proof,
        rehearse: bool,
    ) -> NameOutcome {
        let mut last = None;
        for authority in &self.authorities {
            let directory = &authority.directory;
            let staging = authority.staging.as_ref().filter(|_| rehearse);
            if let Some(staging) = staging
                && let Err(failure) = self.order(subject, proof, staging, None).await
            {
                last = Some((staging.clone(), failure, last.map(|(_, it, _)| it)));
                continue;
            }
            // What is replaced can only be named to who issued it.
            let replaces = match &subject.held {
                CurrentCertificate::Ours(life)
                    if life.directory == *directory && record.window.is_some() =>
                {
                    subject.replaced.clone()
                }
                _ => None,
            };
            let put = |issued| {
                installation::put(&self.shelf, &subject.name, &issued, directory).map_err(
                    |failure| {
                        // Certificates are counted, whatever becomes of them.
                        Failure::Refused { reason: failure.to_string(), retry_after: None }
                    },
                )
            };
            match self.order(subject, proof, directory, replaces).await.and_then(put) {
                Ok(certificate) => {
                    if let Err(failure) =
                        self.storage.keep(&subject.name, &RenewalRecord::default())
                    {
                        super::messages::warn(&failure);
                    }
                    let not_after = seconds(certificate.not_after());
                    return NameOutcome::Issued { directory: directory.clone(), not_after };
                }
                Err(failure) => {
                    last = Some((directory.clone(), failure, last.map(|(_, it, _)| it)));
                }
            }
        }
        match last {
            None => NameOutcome::Quiet,
            Some((directory, failure, before)) => {
                let failure = joined(failure, before);
                self.failed(subject, record, Some(directory), &failure)
            }
        }
    }

    async fn order(
        &self,
        subject: &PlannedName,
        proof: &Proof,
        directory: &str,
        replaces: Option<CertificateIdentifier<'static>>,
    ) -> Result<Issued, Failure> {
        let account = self.account(directory).await?;
        let profile = self.arguments.issuing.acme_profile.as_deref();
        let wish = Wish { name: &subject.name, proof, profile, replaces };
        order::issue(&account, &wish).await.map_err(|failure| match failure {
            Failure::Refused { reason, retry_after: None } => {
                Failure::Refused { reason, retry_after: self.http.take_retry_after() }
            }
            failure => failure,
        })
    }

    /// The account at an authority, opened once in a run.
    async fn account(&self, directory: &str) -> Result<Account, Failure> {
        let Some(cell) = self.accounts.get(directory) else {
            return Err(Failure::Here(format!("{directory} is not named")));
        };
        let open = || async {
            account::open(directory, &self.storage, &self.registration, &self.http)
                .await
                .map(Opened)
        };
        cell.get_or_init(open).await.clone().map(|opened| opened.0)
    }

    /// Remembers a failure. One that cannot be remembered is told all the same.
    fn failed(
        &self,
        subject: &PlannedName,
        mut record: RenewalRecord,
        directory: Option<String>,
        failure: &Failure,
    ) -> NameOutcome {
        let now = (self.now)();
        let mut reason = failure.to_string();
        if let Some(directory) = &directory {
            reason = format!("{}: {reason}", authority(directory));
        }
        record.refusals = record.refusals.saturating_add(u32::from(failure.is_refusal()));
        record.not_before = failure.not_before(now);
        record.failure = Some(Failed { at: now, directory, reason: reason.clone() });
        if let Err(failure) = self.storage.keep(&subject.name, &record) {
            super::messages::warn(&failure);
        }
        NameOutcome::Failed(reason)
    }
}

/// The failure of the last authority, with that of the one before it.
fn joined(failure: Failure, before: Option<Failure>) -> Failure {
    let Some(before) = before else { return failure };
    let reason = format!("{failure}; before that: {before}");
    let refused = failure.is_refusal() || before.is_refusal();
    match (refused, failure, before) {
        (true, Failure::Refused { retry_after, .. }, _)
        | (true, _, Failure::Refused { retry_after, .. }) => {
            Failure::Refused { reason, retry_after }
        }
        _ => Failure::Unreachable(reason),
    }
}

/// Every directory that may be asked.
pub(super) fn directories(authorities: &[CertificateAuthority]) -> BTreeSet<String> {
    let staging = authorities.iter().filter_map(|authority| authority.staging.clone());
    authorities.iter().map(|authority| authority.directory.clone()).chain(staging).collect()
}

/// The authority's own name of the certificate in a folder (RFC 9773 §4.1).
fn replaced(stock: &Stock, name: &FolderName) -> Option<CertificateIdentifier<'static>> {
    let der = stock.leaf(name)?.der();
    CertificateIdentifier::try_from(der).ok().map(CertificateIdentifier::into_owned)
}

/// The names of the site folders.
fn site_names(folder: &Path) -> Result<BTreeSet<FolderName>, Failure> {
    let failed = |error| Failure::file(folder, &error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let file_name = entry.file_name();
        let name = file_name.to_str().filter(|name| !name.starts_with('.'));
        if let Some(name) = name.and_then(FolderName::parse)
            && fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir())
        {
            names.insert(name);
        }
    }
    Ok(names)
}
