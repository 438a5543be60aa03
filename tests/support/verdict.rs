//! What an answer must look like: the contract between the filter and a client, checked in one place.

use super::envoy::{Answered, Envoy};
use super::http_client::Request;
use serde_json::{Value, json};

/// The default text for a request without a token.
pub(crate) const NOT_PRESENT: &str = "JWT not present.";
/// The default text for every other refusal.
pub(crate) const INVALID: &str = "Invalid JWT.";

/// A refusal, and the reason that only the access log may tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) status: u16,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

impl<'a> Refusal<'a> {
    /// 401 with the default text of the reason.
    pub(crate) fn of(reason: &'a str) -> Self {
        let message = if reason == "TokenNotPresent" { NOT_PRESENT } else { INVALID };
        Self { status: 401, reason, message }
    }

    /// 401 with the text that the policy sets.
    pub(crate) fn saying(reason: &'a str, message: &'a str) -> Self {
        Self { status: 401, reason, message }
    }

    /// No usable keys.
    pub(crate) fn unavailable() -> Self {
        Self { status: 503, reason: "DiscoveryUnavailable", message: "Service unavailable." }
    }
}

impl Envoy {
    /// Sends a request that must pass.
    pub(crate) fn passes(&self, listener: &str, request: Request) -> Answered {
        let answered = self.send(listener, request);
        self.judge(&answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));
        answered
    }

    /// Sends a request that must be refused in exactly this way.
    pub(crate) fn refuses(&self, listener: &str, request: Request, refusal: Refusal<'_>) -> Answered {
        let answered = self.send(listener, request);
        self.judge(&answered, Some(refusal)).unwrap_or_else(|wrong| panic!("{wrong}"));
        answered
    }

    /// Compares an answer with what it should be: `None` for the upstream's.
    pub(crate) fn judge(&self, answered: &Answered, expected: Option<Refusal<'_>>) -> Result<(), String> {
        let details = self.details(&answered.id);
        let judged = match expected {
            None => judge_passage(answered),
            Some(refusal) => self.judge_refusal(answered, &details, refusal),
        };
        judged.map_err(|wrong| {
            let response = &answered.response;
            format!(
                "{wrong}; the answer was {} with body `{}` and details `{details}`",
                response.status,
                response.text()
            )
        })
    }

    fn judge_refusal(&self, answered: &Answered, details: &str, refusal: Refusal<'_>) -> Result<(), String> {
        let Answered { id, response, by_upstream } = answered;
        let Refusal { status, reason, message } = refusal;
        check(!by_upstream && self.upstream().seen(id).is_none(), || "the upstream saw it".to_owned())?;
        check(response.status == status, || format!("status {status} was expected"))?;
        check(details == format!("validate_jwt{{{reason}}}"), || format!("reason {reason} was expected"))?;
        let type_ = response.headers.text("content-type");
        check(type_ == Some("application/json"), || format!("content-type is {type_:?}"))?;
        let body: Value = serde_json::from_slice(&response.body).map_err(|error| format!("body: {error}"))?;
        let text = json!({ "statusCode": status, "message": message });
        check(body == text, || format!("body {text} was expected"))?;
        match (status, response.headers.text("www-authenticate")) {
            (401, Some(challenge)) => {
                let error = challenge.contains("error=");
                check(challenge.starts_with("Bearer"), || format!("challenge `{challenge}`"))?;
                check(error == (reason != "TokenNotPresent"), || format!("challenge `{challenge}`"))?;
                check(!challenge.contains("description"), || format!("challenge `{challenge}`"))?;
            }
            (401, None) => return Err("401 without www-authenticate".to_owned()),
            (_, Some(challenge)) => return Err(format!("{status} with challenge `{challenge}`")),
            (_, None) => {}
        }
        let wait = response.headers.text("retry-after");
        let wait_is_right = match status {
            503 => wait.and_then(|text| text.parse().ok()).is_some_and(|seconds: u32| seconds >= 1),
            _ => wait.is_none(),
        };
        check(wait_is_right, || format!("retry-after is {wait:?}"))
    }
}

fn judge_passage(answered: &Answered) -> Result<(), String> {
    check(answered.by_upstream && answered.response.status == 200, || "it should have passed".to_owned())
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// A request with a name, and what must come of it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    pub(crate) request: Request,
    /// `None`: it passes.
    pub(crate) expected: Option<Refusal<'a>>,
}

impl<'a> Case<'a> {
    pub(crate) fn passes(name: impl Into<String>, request: Request) -> Self {
        Self { name: name.into(), request, expected: None }
    }

    pub(crate) fn refused(name: impl Into<String>, request: Request, refusal: Refusal<'a>) -> Self {
        Self { name: name.into(), request, expected: Some(refusal) }
    }
}

impl Envoy {
    /// Sends all of them, one after the other, and tells every one that came out wrong.
    pub(crate) fn try_all(&self, listener: &str, cases: Vec<Case<'_>>) -> Vec<String> {
        let try_one = |Case { name, request, expected }: Case<'_>| {
            let answered = self.send(listener, request);
            self.judge(&answered, expected).err().map(|wrong| format!("{listener}: {name}: {wrong}"))
        };
        cases.into_iter().filter_map(try_one).collect()
    }
}
