//! The account at an authority: read from the state, or made after the operator has agreed to the
//! authority's terms.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::http_client::Http;
use super::storage::Storage;

/// The particulars of a new account.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    /// The address that the authority may write to.
    pub(super) email: Option<String>,
    /// The account elsewhere that the authority wants to be told (RFC 8555 §7.3.4).
    pub(super) binding: Option<Binding>,
    /// True if the operator agrees to the terms of every authority that is named.
    pub(super) agreed: bool,
}

/// An external account: its name and its key.
#[derive(Clone)]
pub(super) struct Binding {
    id: String,
    key: Vec<u8>,
}

/// The file of an account.
#[derive(Serialize, Deserialize)]
struct AccountFile {
    credentials: AccountCredentials,
}

impl Binding {
    /// Reads the key as authorities hand it out: base64url, by some with padding or in the older
    /// alphabet.
    pub(super) fn new(id: &str, key: &str) -> Result<Self, Failure> {
        let plain = key.trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
        let Ok(key) = BASE64_URL_SAFE_NO_PAD.decode(plain) else {
            return Err(Failure::Here("--acme-eab-key is not base64".into()));
        };
        Ok(Self { id: id.to_owned(), key })
    }
}

/// The key is a secret.
impl std::fmt::Debug for Binding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Binding").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The account at the authority of `directory`; a new one if there is none, or if the authority
/// does not know the old one any more.
pub(super) async fn open(
    directory: &str,
    storage: &Storage,
    registration: &Registration,
    http: &Http,
) -> Result<Account, Failure> {
    let contact = registration.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let kept = storage.account(directory)?;
    if let Some(kept) =
        kept.as_deref().and_then(|text| serde_json::from_slice::<AccountFile>(text).ok())
    {
        let builder = Account::builder_with_http(Box::new(http.clone()));
        let account = builder.from_credentials(kept.credentials).await?;
        match account.update_contacts(&contact).await.map_err(Failure::from) {
            Ok(()) => return Ok(account),
            Err(failure) if is_kind(&failure, "accountDoesNotExist") => {}
            Err(failure) => return Err(failure),
        }
    } else if !registration.agreed {
        return Err(not_agreed(directory, http).await);
    }
    create(directory, storage, registration, &contact, http).await
}

async fn create(
    directory: &str,
    storage: &Storage,
    registration: &Registration,
    contact: &[&str],
    http: &Http,
) -> Result<Account, Failure> {
    let account =
        NewAccount { contact, terms_of_service_agreed: true, only_return_existing: false };
    let register = async |binding: Option<&ExternalAccountKey>| {
        let builder = Account::builder_with_http(Box::new(http.clone()));
        builder.create(&account, directory.to_owned(), binding).await.map_err(Failure::from)
    };
    // Of several authorities one may want the binding and another one refuse it.
    let made = match (register(None).await, &registration.binding) {
        (Err(failure), Some(binding)) if is_kind(&failure, "externalAccountRequired") => {
            let key = ExternalAccountKey::new(binding.id.clone(), &binding.key);
            register(Some(&key)).await
        }
        (Err(failure), None) if is_kind(&failure, "externalAccountRequired") => Err(Failure::Here(
            format!("{failure}: take --acme-eab-kid and --acme-eab-key from your account there"),
        )),
        (made, _) => made,
    };
    let (account, credentials) = made?;
    let text = serde_json::to_vec(&AccountFile { credentials }).expect("strings are JSON");
    storage.keep_account(directory, &text)?;
    Ok(account)
}

fn is_kind(failure: &Failure, kind: &str) -> bool {
    failure.is_refusal() && failure.to_string().ends_with(&format!("({kind})"))
}

/// Names the terms, so that they can be read before they are agreed to.
async fn not_agreed(directory: &str, http: &Http) -> Failure {
    #[derive(Deserialize)]
    struct Directory {
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta {
        terms_of_service: Option<String>,
    }
    let listed = match http.get(directory).await {
        Ok(listed) => listed,
        Err(error) => return error.into(),
    };
    let terms = serde_json::from_slice::<Directory>(&listed).ok();
    let terms = terms.and_then(|directory| directory.meta?.terms_of_service);
    let terms = terms.map(|url| format!(": {url}")).unwrap_or_default();
    Failure::Here(format!(
        "{directory} takes your agreement to its terms of service{terms} (--agree-terms, once)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_both_alphabets() {
        let table = [
            ("-_8", Some(&[0xfb, 0xff][..])),
            ("+/8=", Some(&[0xfb, 0xff])),
            (" -_8\n", Some(&[0xfb, 0xff])),
            ("", Some(&[])),
            ("*", None),
            ("a", None),
        ];
        for (text, expected) in table {
            let key = Binding::new("id", text).ok().map(|binding| binding.key);
            assert_eq!(key.as_deref(), expected, "{text:?}");
        }
        let binding = Binding::new("id", "-_8").unwrap();
        assert_eq!(format!("{binding:?}"), "Binding { id: \"id\", .. }");
    }
}
