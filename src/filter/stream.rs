//! A stream context: one request.

use std::{cell::Cell, rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use super::{Plugin, host, root};
use crate::{
    excerpt::Excerpt,
    keys::{Full, RequestId, Waited, Wish, Woken},
    policy::Refusal,
    rejection::Rejection,
    reply::{self, Reply},
    request::RequestHead,
    validate::{self, Attempt, Denial, Outcome},
};

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was decided.
    Undecided,
    /// It waits for keys.
    Waiting,
    /// It goes on.
    Allowed,
    /// It was answered.
    Refused,
}

/// One request.
pub(super) struct Stream {
    id: u32,
    plugin: Option<Rc<Plugin>>,
    phase: Rc<Cell<Phase>>,
}

impl Stream {
    pub(super) fn new(id: u32, plugin: Option<Rc<Plugin>>) -> Self {
        Self { id, plugin, phase: Rc::new(Cell::new(Phase::Undecided)) }
    }

    fn action(&self) -> Action {
        // A proxy may hand on the body although the head is held back: then only Pause keeps it here.
        match self.phase.get() {
            Phase::Allowed => Action::Continue,
            Phase::Undecided | Phase::Waiting | Phase::Refused => Action::Pause,
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _num_headers: usize, _end_of_stream: bool) -> Action {
        if let Some(plugin) = &self.plugin {
            decide(plugin, self.id, &self.phase, Waited::default());
        } else {
            self.phase.set(Phase::Refused);
            host::send(&closed("NotConfigured"));
        }
        self.action()
    }

    fn on_http_request_body(&mut self, _body_size: usize, _end_of_stream: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _num_trailers: usize) -> Action {
        self.action()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.phase.get() == Phase::Waiting
            && let Some(plugin) = &self.plugin
        {
            plugin.keys.borrow_mut().forget(RequestId(self.id));
            plugin.waiting.borrow_mut().remove(&self.id);
        }
    }
}

/// Decides a request again that waited for keys.
pub(super) fn wake(plugin: &Rc<Plugin>, woken: Woken) {
    let RequestId(id) = woken.request;
    let Some(phase) = plugin.waiting.borrow_mut().remove(&id) else {
        return;
    };
    if !host::enter(id) {
        return;
    }
    decide(plugin, id, &phase, woken.waited);
    if phase.get() == Phase::Allowed {
        host::resume();
    }
}

/// Decides a request, from the top: with a configuration, the one place from which a request is refused, made to wait, or let
/// through.
fn decide(plugin: &Rc<Plugin>, id: u32, phase: &Rc<Cell<Phase>>, waited: Waited) {
    let Some(headers) = host::request_headers() else {
        phase.set(Phase::Refused);
        host::send(&closed("RequestUnreadable"));
        return;
    };
    let head = RequestHead::new(&headers);
    let attempt = Attempt { head, waited, now: host::now() };
    let outcome = validate::validate(&plugin.policy, &plugin.keys.borrow(), &plugin.verifier, attempt);
    let denial = match outcome {
        Outcome::Allow => {
            phase.set(Phase::Allowed);
            plugin.metrics.count_outcome(None);
            return;
        }
        Outcome::AwaitKeys(wish) => match park(plugin, id, phase, wish, attempt) {
            Ok(()) => return,
            Err(denial) => denial,
        },
        Outcome::Deny(denial) => denial,
    };
    phase.set(Phase::Refused);
    plugin.metrics.count_outcome(Some(denial.rejection.reason()));
    log_denial(plugin, &denial, attempt);
    host::send(&reply::reply(&denial.rejection, &plugin.policy.refusal, head.is_grpc()));
}

fn park(
    plugin: &Plugin,
    id: u32,
    phase: &Rc<Cell<Phase>>,
    wish: Wish,
    attempt: Attempt<'_>,
) -> Result<(), Denial> {
    let waiting = plugin.keys.borrow_mut().wait(RequestId(id), wish, attempt.waited, attempt.now);
    waiting.map_err(|Full| Denial {
        rejection: Rejection::KeysUnavailable { retry_after: Duration::from_secs(1) },
        quote: None,
    })?;
    phase.set(Phase::Waiting);
    plugin.waiting.borrow_mut().insert(id, Rc::clone(phase));
    root::summon(plugin);
    Ok(())
}

/// The answer when the filter itself cannot work: closed, and told apart from every refusal.
fn closed(detail: &str) -> Reply {
    let unavailable = Rejection::KeysUnavailable { retry_after: Duration::from_secs(1) };
    let answer = reply::reply(&unavailable, &Refusal { status: 503, message: None }, false);
    Reply { details: format!("validate_jwt{{{detail}}}"), ..answer }
}

fn log_denial(plugin: &Plugin, denial: &Denial, attempt: Attempt<'_>) {
    let Some(suppressed) = plugin.log.borrow_mut().spend(attempt.now) else {
        return;
    };
    let Denial { rejection, quote } = denial;
    let quoted = quote.as_ref().map_or_else(String::new, |quote| {
        let text = |text: &Option<String>| {
            text.as_deref().map_or_else(|| "-".to_owned(), |text| Excerpt(text).to_string())
        };
        format!(
            "; alg {}, kid {}, issuer host {}",
            Excerpt(&quote.algorithm),
            text(&quote.key_id),
            text(&quote.issuer_host)
        )
    });
    let left_out =
        if suppressed == 0 { String::new() } else { format!(" ({suppressed} lines left out before this)") };
    log::info!("refused: {}: {rejection}{quoted}{left_out}", rejection.reason());
}
