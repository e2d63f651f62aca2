//! An order: from the wish for a certificate to the chain and its key (RFC 8555 §7.4).

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, Error, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use tokio::time::timeout;

use super::failure::Failure;
use super::proof::{Proof, Shown};
use super::wanted::address;
use crate::certificates::FolderName;

/// The longest time that one order may take from its challenge to its certificate. Authorities
/// look from several places, and at the DNS more than once.
const ORDER_TIME: Duration = Duration::from_mins(5);

/// The pauses between questions about an order, which grow by half from a quarter of a second, and
/// the time after which it is given up.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_mins(2));

/// The certificate that is wished for.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) name: &'a FolderName,
    pub(super) proof: &'a Proof,
    /// The profile that the authority is to issue by.
    pub(super) profile: Option<&'a str>,
    /// The certificate that the new one takes the place of (RFC 9773 §5).
    pub(super) replaces: Option<CertificateIdentifier<'static>>,
}

/// A new certificate, in PEM.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issued").field("chain", &self.chain).finish_non_exhaustive()
    }
}

pub(super) async fn issue(account: &Account, wish: &Wish<'_>) -> Result<Issued, Failure> {
    let mut order = place(account, wish).await?;
    let mut shown = Vec::new();
    let proving = async {
        prove(&mut order, wish, &mut shown).await?;
        finish(&mut order).await
    };
    let issued = timeout(ORDER_TIME, proving).await.unwrap_or_else(|_| {
        let minutes = ORDER_TIME.as_secs() / 60;
        Err(Failure::Unreachable(format!("the order did not end within {minutes} minutes")))
    });
    for proof in shown {
        if let Some(failure) = proof.withdraw().await {
            super::messages::warn(&failure);
        }
    }
    issued
}

/// An authority that does not like what is replaced (it may be replaced already) is asked without.
async fn place(account: &Account, wish: &Wish<'_>) -> Result<Order, Failure> {
    if let Some(wanted) = wish.profile {
        known(wanted, account.profiles().map(|profile| profile.name))?;
    }
    let identifiers = [identifier(wish.name)];
    let order = |replaces: Option<&CertificateIdentifier<'static>>| {
        let mut order = NewOrder::new(&identifiers);
        if let Some(profile) = wish.profile {
            order = order.profile(profile);
        }
        match replaces {
            Some(replaces) => order.replaces(replaces.clone()),
            None => order,
        }
    };
    if wish.replaces.is_some()
        && let Ok(order) = account.new_order(&order(wish.replaces.as_ref())).await
    {
        return Ok(order);
    }
    Ok(account.new_order(&order(None)).await?)
}

/// An authority that does not know a profile may issue by another one and say nothing of it.
fn known<'a>(wanted: &str, profiles: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut profiles: Vec<&str> = profiles.collect();
    if profiles.contains(&wanted) {
        return Ok(());
    }
    profiles.sort_unstable();
    let has = if profiles.is_empty() { "none".to_owned() } else { profiles.join(", ") };
    Err(Failure::Here(format!(
        "the authority has no profile {wanted} (--acme-profile); it has {has}"
    )))
}

fn identifier(name: &FolderName) -> Identifier {
    match name {
        FolderName::Host(host) => match address(host) {
            Some(address) => Identifier::Ip(address),
            None => Identifier::Dns(host.clone()),
        },
        FolderName::WildcardOf(parent) => Identifier::Dns(format!("*.{parent}")),
    }
}

/// Shows what the authority wants to see and waits until it has seen it.
async fn prove(order: &mut Order, wish: &Wish<'_>, shown: &mut Vec<Shown>) -> Result<(), Failure> {
    let host = match wish.name {
        FolderName::Host(host) => host,
        FolderName::WildcardOf(parent) => parent,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => return Err(refused(format!("an authorization is {status:?} at once"))),
        }
        let Some(mut challenge) = authorization.challenge(wish.proof.kind()) else {
            let kind = if matches!(wish.proof, Proof::Http(_)) { "HTTP-01" } else { "DNS-01" };
            return Err(refused(format!("the authority does not offer {kind} for this name")));
        };
        let key = challenge.key_authorization();
        shown.push(wish.proof.show(host, &challenge.token, &key).await?);
        challenge.set_ready().await?;
    }
    match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready) => Ok(()),
        Ok(_) => Err(reason(order).await.unwrap_or_else(|| {
            refused("the authority holds the order invalid and does not say why".into())
        })),
        Err(error @ Error::Api(_)) => Err(reason(order).await.unwrap_or_else(|| error.into())),
        Err(error) => Err(error.into()),
    }
}

/// Why a challenge failed, in the authority's words: more than the order itself tells.
async fn reason(order: &mut Order) -> Option<Failure> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) = state.challenges.iter().find_map(|it| it.error.clone()) {
            return Some(Error::Api(problem).into());
        }
    }
    None
}

async fn finish(order: &mut Order) -> Result<Issued, Failure> {
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(Issued { chain, key })
}

fn refused(reason: String) -> Failure {
    Failure::Refused { reason, retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_the_authority_does_not_have_is_told_with_those_that_it_has() {
        let table: [(&str, &[&str], &str); 4] = [
            ("shortlived", &["classic", "shortlived"], ""),
            ("x", &["tls", "classic"], "no profile x (--acme-profile); it has classic, tls"),
            ("x", &[], "it has none"),
            ("short", &["shortlived"], "it has shortlived"),
        ];
        for (wanted, profiles, told) in table {
            let known = known(wanted, profiles.iter().copied());
            let failure = known.err().map(|it| it.to_string()).unwrap_or_default();
            assert!(failure.ends_with(told) && failure.is_empty() == told.is_empty(), "{failure}");
        }
    }
}
