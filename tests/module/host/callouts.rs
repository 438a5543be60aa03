//! Callouts: what comes back to them, and when.

use super::Host;
use super::state::{Callout, Response};
use std::time::Duration;

/// How long a callout takes that nobody said anything about.
const LATENCY: Duration = Duration::from_millis(20);

/// What comes back to a callout.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// An answer with status, headers and body.
    Http { status: u32, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Nobody listens: Envoy makes up a 503.
    Refused,
    /// The connection broke, or the answer was too large, after its headers: the module sees no headers at all.
    Cut,
    /// Nothing ever comes: Envoy makes up a 504 when the timeout ends.
    Never,
    /// The host itself loses the callout: not even its timeout is told.
    Lost,
    /// Headers come, the body never ends: when the timeout ends the module sees no headers at all.
    Stalls,
}

impl Answer {
    /// 200 with a JSON body.
    pub(crate) fn json(body: impl AsRef<[u8]>) -> Self {
        Self::http(200, "application/json", body)
    }

    /// An answer of that status and type.
    pub(crate) fn http(status: u32, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::Http { status, headers, body: body.as_ref().to_vec() }
    }

    /// The same with one header more.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// The answer after this time instead of the usual one.
    pub(crate) fn after(self, latency: Duration) -> Reaction {
        Reaction { answer: self, latency }
    }
}

/// An answer and when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) answer: Answer,
    pub(crate) latency: Duration,
}

impl From<Answer> for Reaction {
    fn from(answer: Answer) -> Self {
        answer.after(LATENCY)
    }
}

/// Answers callouts; `None` leaves a callout to the test, or to its timeout.
pub(crate) type Script = Box<dyn FnMut(&Callout) -> Option<Reaction>>;

pub(super) struct Pending {
    pub(super) due: Duration,
    /// `None`: the module sees a failure without headers.
    pub(super) response: Option<Response>,
}

impl Host {
    pub(super) fn take_up_callouts(&mut self) {
        while let Some(callout) = self.store.data().callouts.get(self.seen_callouts).cloned() {
            self.seen_callouts += 1;
            let reaction = (self.script)(&callout);
            self.schedule(&callout, reaction);
        }
    }

    fn schedule(&mut self, callout: &Callout, reaction: Option<Reaction>) {
        let reaction = reaction.unwrap_or_else(|| Answer::Never.into());
        let limit = if callout.timeout.is_zero() { Duration::MAX } else { callout.at + callout.timeout };
        let due = self.now().saturating_add(reaction.latency);
        let made_up = |status: &str, body: &str| {
            let headers = [(":status", status), ("content-type", "text/plain")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
            Some(Response { headers, body: body.as_bytes().to_vec() })
        };
        let timed_out = || made_up("504", "upstream request timeout");
        let (due, response) = match reaction.answer {
            Answer::Lost => (Duration::MAX, None),
            Answer::Never => (limit, timed_out()),
            Answer::Stalls => (limit, None),
            _ if due >= limit => (limit, timed_out()),
            Answer::Cut => (due, None),
            Answer::Refused => {
                (due, made_up("503", "upstream connect error or disconnect/reset before headers"))
            }
            Answer::Http { status, headers, body } => {
                let status = (":status".to_owned(), status.to_string().into_bytes());
                let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()));
                (due, Some(Response { headers: std::iter::once(status).chain(headers).collect(), body }))
            }
        };
        self.pending.insert(callout.token, Pending { due, response });
    }

    /// Answers a callout that waits for its timeout, or was lost.
    pub(crate) fn answer(&mut self, token: u32, reaction: impl Into<Reaction>) {
        assert!(self.pending.contains_key(&token), "callout {token} is not waiting for an answer");
        let callout = self.callouts()[usize::try_from(token).unwrap() - 1].clone();
        self.schedule(&callout, Some(reaction.into()));
    }

    /// Another script from now on.
    pub(crate) fn set_script(&mut self, script: Script) {
        self.script = script;
    }

    pub(super) fn deliver(&mut self, token: u32, response: Option<Response>) {
        let length = |length: usize| u32::try_from(length).unwrap();
        let headers = response.as_ref().map_or(0, |response| length(response.headers.len()));
        let body = response.as_ref().map_or(0, |response| length(response.body.len()));
        self.store.data_mut().response = response;
        let root = self.callouts()[usize::try_from(token).unwrap() - 1].root;
        self.call::<_, ()>("proxy_on_http_call_response", root, (root, token, headers, body, 0_u32));
        self.store.data_mut().response = None;
    }

    /// All callouts so far, in the order of their tokens.
    pub(crate) fn callouts(&self) -> &[Callout] {
        &self.store.data().callouts
    }

    /// The callouts that were refused at once.
    pub(crate) fn refused_callouts(&self) -> &[Callout] {
        &self.store.data().refused_callouts
    }

    /// A cluster that the proxy does not know (any more).
    pub(crate) fn remove_cluster(&mut self, name: &str) {
        self.store.data_mut().clusters.remove(name);
    }

    /// A cluster that the proxy knows (again).
    pub(crate) fn add_cluster(&mut self, name: &str) {
        self.store.data_mut().clusters.insert(name.to_owned());
    }

    /// Whether a cluster has an endpoint.
    pub(crate) fn set_endpoint(&mut self, cluster: &str, there: bool) {
        let without = &mut self.store.data_mut().clusters_without_endpoint;
        if there {
            without.remove(cluster);
        } else {
            without.insert(cluster.to_owned());
        }
    }
}
