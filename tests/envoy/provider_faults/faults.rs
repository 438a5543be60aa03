//! What a provider may answer that is of no use.

use crate::support::authority::Authority;
use crate::support::claims::{with, without};
use crate::support::http_server::Delivery;
use crate::support::identity_provider::{Answer, IdentityProvider};
use serde_json::json;
use std::time::Duration;

/// `fetch.timeout` of the policies that meet these faults.
pub(super) const FETCH_TIMEOUT: &str = "1s";
const LONGER_THAN_THE_TIMEOUT: Duration = Duration::from_millis(2500);
/// Ten megabytes, forty times what the filter reads.
const FAR_TOO_LONG: usize = 10_000_000;
/// A host that no policy names. The provider would answer for it, and with good keys.
pub(super) const ELSEWHERE: &str = "elsewhere.example";
/// Where redirects lead to: to what the filter was asked to find, if it followed them.
const MOVED: &str = "/moved";

/// A place, and what is wrong there.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    place: Place,
    answer: fn(&Authority) -> Answer,
}

#[derive(Clone, Copy)]
enum Place {
    Configuration,
    Keys,
}

/// With each of these, a filter that has no keys gets none.
pub(super) const FAULTS: [Fault; 19] = [
    configuration("html", |_| html()),
    configuration("redirect", redirect),
    configuration("not-found", |_| Answer::new(404, "application/json", "{}")),
    configuration("error", |authority| {
        Answer::new(500, "application/json", authority.configuration().to_string())
    }),
    configuration("hang-up", |_| Answer::hang_up()),
    configuration("truncated", |authority| true_configuration(authority).delivered(Delivery::Half)),
    configuration("slow", |authority| true_configuration(authority).after(LONGER_THAN_THE_TIMEOUT)),
    configuration("trickle", |authority| {
        true_configuration(authority).delivered(Delivery::Trickle(Duration::from_millis(100)))
    }),
    configuration("list", |authority| Answer::json(&json!([authority.configuration()]))),
    configuration("no-issuer", |authority| Answer::json(&without(&authority.configuration(), "issuer"))),
    configuration("keys-elsewhere", |authority| pointing_to(authority, &format!("https://{ELSEWHERE}/keys"))),
    configuration("keys-in-the-clear", |authority| {
        pointing_to(authority, &format!("http://{}{}", authority.keys_host, authority.keys_path))
    }),
    keys("keys-html", |_| html()),
    keys("keys-redirect", redirect),
    keys("keys-empty", |_| Answer::json(&json!({ "keys": [] }))),
    keys("keys-unusable", |_| {
        Answer::json(&json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, 5] }))
    }),
    keys("keys-bloated", |authority| {
        Answer::json(&with(&authority.key_set(), "padding", json!("x".repeat(FAR_TOO_LONG))))
    }),
    keys("keys-truncated", |authority| Answer::json(&authority.key_set()).delivered(Delivery::Half)),
    keys("keys-slow", |authority| Answer::json(&authority.key_set()).after(LONGER_THAN_THE_TIMEOUT)),
];

/// Well-formed, but it would turn every token away.
pub(super) const OTHER_ISSUER: Fault = configuration("other-issuer", |authority| {
    Answer::json(&with(&authority.configuration(), "issuer", json!("https://somebody-else.example")))
});

const fn configuration(name: &'static str, answer: fn(&Authority) -> Answer) -> Fault {
    Fault { name, place: Place::Configuration, answer }
}

const fn keys(name: &'static str, answer: fn(&Authority) -> Answer) -> Fault {
    Fault { name, place: Place::Keys, answer }
}

fn html() -> Answer {
    Answer::new(200, "text/html", "<!doctype html><title>Sign in</title>")
}

fn redirect(authority: &Authority) -> Answer {
    Answer::new(302, "text/plain", "").header("location", format!("https://{}{MOVED}", authority.host))
}

fn true_configuration(authority: &Authority) -> Answer {
    Answer::json(&authority.configuration())
}

fn pointing_to(authority: &Authority, keys: &str) -> Answer {
    Answer::json(&with(&authority.configuration(), "jwks_uri", json!(keys)))
}

impl Fault {
    /// Lets the provider answer in this way, and truly where it could lead to.
    pub(super) fn set(&self, provider: &IdentityProvider, authority: &Authority) {
        authority.publish(provider);
        let (host, path) = self.place(authority);
        provider.set(host, path, (self.answer)(authority));
        let truth = match self.place {
            Place::Configuration => authority.configuration(),
            Place::Keys => authority.key_set(),
        };
        provider.set(&authority.host, MOVED, Answer::json(&truth));
        provider.set(ELSEWHERE, "/keys", Answer::json(&authority.key_set()));
    }

    /// How often the provider has been asked at the place of the fault.
    pub(super) fn calls(&self, provider: &IdentityProvider, authority: &Authority) -> usize {
        let (host, path) = self.place(authority);
        provider.calls(host, path).len()
    }

    fn place<'a>(&self, authority: &'a Authority) -> (&'a str, &'a str) {
        match self.place {
            Place::Configuration => (&authority.host, &authority.configuration_path),
            Place::Keys => (&authority.keys_host, &authority.keys_path),
        }
    }
}
