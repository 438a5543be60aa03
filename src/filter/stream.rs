//! A stream context: one request.

use std::{cell::Cell, rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use super::{
    Plugin, host,
    log_lines::{Consequence, log_checks, log_refusal},
    metrics::Outcome,
    root,
    sight::AUTHORIZATION,
};
use crate::{
    decision::{self, Decision, Passage, Refused},
    jwe::Unwrapped,
    keys::{Full, RequestId, Waited, Wish, Woken},
    pairs::{self, Header},
    policy::Refusal,
    rejection::Rejection,
    reply::{self, REPORT_VARIABLE, Reply},
    request::RequestHead,
    validate::{Admission, Attempt},
};

const CONTENT_TYPE: &str = "content-type";

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was decided.
    Undecided,
    /// It waits for keys.
    Waiting,
    /// It goes on.
    Allowed,
    /// It was answered.
    Refused,
}

/// What is kept of a request between its callbacks.
#[derive(Debug)]
pub(super) struct Request {
    phase: Cell<Phase>,
    unwrapped: Unwrapped,
}

/// The context of one request.
pub(super) struct Stream {
    id: u32,
    plugin: Option<Rc<Plugin>>,
    request: Rc<Request>,
}

impl Stream {
    pub(super) fn new(id: u32, plugin: Option<Rc<Plugin>>) -> Self {
        let request = Request { phase: Cell::new(Phase::Undecided), unwrapped: Unwrapped::default() };
        Self { id, plugin, request: Rc::new(request) }
    }

    fn action(&self) -> Action {
        // A proxy may hand on the body although the head is held back: then only Pause keeps it here.
        match self.request.phase.get() {
            Phase::Allowed => Action::Continue,
            Phase::Undecided | Phase::Waiting | Phase::Refused => Action::Pause,
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _num_headers: usize, _end_of_stream: bool) -> Action {
        if let Some(plugin) = &self.plugin {
            decide(plugin, self.id, &self.request, Waited::default());
        } else {
            self.request.phase.set(Phase::Refused);
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
        if self.request.phase.get() == Phase::Waiting
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
    let Some(request) = plugin.waiting.borrow_mut().remove(&id) else {
        return;
    };
    if !host::enter(id) {
        return;
    }
    decide(plugin, id, &request, woken.waited);
    if request.phase.get() == Phase::Allowed {
        host::resume();
    }
}

/// Decides a request, from the top: with a configuration, the one place from which a request is refused, made to wait, or let
/// through.
fn decide(plugin: &Rc<Plugin>, id: u32, request: &Rc<Request>, waited: Waited) {
    let (one, all, parsed);
    let headers = if plugin.sight.is_narrow() {
        let Ok(value) = host::request_header(AUTHORIZATION) else {
            return refuse(request, &closed("RequestUnreadable"));
        };
        one = value.map(|value| [(AUTHORIZATION.as_bytes().into(), value.into())]);
        one.as_ref().map_or(&[][..], |one| one)
    } else {
        all = host::request_headers();
        let Some(pairs) = all.as_deref().and_then(pairs::parse) else {
            return refuse(request, &closed("RequestUnreadable"));
        };
        parsed = pairs;
        &parsed
    };
    let head = RequestHead::new(headers).with_properties(&host::property);
    let attempt = Attempt { head, waited, unwrapped: &request.unwrapped, now: host::now() };
    let mut decision = consider(plugin, attempt);
    // Another VM may have the key already, and then nobody need wait for it, or be refused for the lack of it.
    if decision.may_change_with_keys() && plugin.keys.borrow_mut().learn(attempt.now) {
        root::summon(plugin);
        decision = consider(plugin, attempt);
    }
    log_checks(plugin, attempt);
    let (policy, refused) = match decision {
        Decision::Allow { policy, passage } => {
            return allow(plugin, request, policy, passage, headers, attempt);
        }
        Decision::AwaitKeys { policy, wish, otherwise } => match park(plugin, id, request, &wish, attempt) {
            Ok(()) => return,
            Err(Full) => (Some(policy), otherwise),
        },
        Decision::Refuse { policy, refused } => (policy, refused),
    };
    plugin.metrics.count_outcome(policy, Outcome::Refused(refused.denial.rejection.reason()));
    log_refusal(plugin, &refused, Consequence::Refused, attempt.now);
    let reply = answer(&refused, is_grpc(plugin, head));
    plugin.sight.try_on(headers);
    refuse(request, &reply);
}

fn consider<'p>(plugin: &'p Plugin, attempt: Attempt<'_>) -> Decision<'p> {
    decision::decide(&plugin.rulebook, &plugin.keys.borrow(), plugin.tools.crypto(&plugin.cache), attempt)
}

/// Whether it is a gRPC request, of which the head may be narrow.
fn is_grpc(plugin: &Plugin, head: RequestHead<'_>) -> bool {
    if !plugin.sight.is_narrow() {
        return head.is_grpc();
    }
    let value = host::request_header(CONTENT_TYPE).ok().flatten().unwrap_or_default();
    RequestHead::new(&[(CONTENT_TYPE.as_bytes().into(), value.into())]).is_grpc()
}

fn answer(refused: &Refused<'_>, is_grpc: bool) -> Reply {
    let unasked = Refusal::default();
    let refusal = refused.policy.map_or(&unasked, |(_, refusal)| refusal);
    reply::reply(&refused.denial.rejection, refusal, is_grpc)
}

fn refuse(request: &Request, reply: &Reply) {
    request.phase.set(Phase::Refused);
    host::send(reply);
}

fn park(
    plugin: &Plugin,
    id: u32,
    request: &Rc<Request>,
    wish: &Wish,
    attempt: Attempt<'_>,
) -> Result<(), Full> {
    plugin.keys.borrow_mut().wait(RequestId(id), *wish, attempt.waited, attempt.now)?;
    request.phase.set(Phase::Waiting);
    plugin.waiting.borrow_mut().insert(id, Rc::clone(request));
    root::summon(plugin);
    Ok(())
}

/// Lets a request through, without the headers that only the filter may write, and with what its policy gives it.
fn allow(
    plugin: &Plugin,
    request: &Request,
    policy: Option<&str>,
    passage: Passage<'_>,
    headers: &[Header<'_>],
    attempt: Attempt<'_>,
) {
    let (admission, outcome) = match passage {
        Passage::Validated(admission) => (admission, Outcome::Allowed),
        Passage::Anonymous => (Admission::default(), Outcome::Anonymous),
        Passage::ReportOnly { refused, wish } => {
            log_refusal(plugin, &refused, Consequence::Reported, attempt.now);
            host::set_variable(REPORT_VARIABLE, refused.denial.rejection.reason().name().as_bytes());
            if !wish.is_empty() {
                plugin.keys.borrow_mut().want(*wish, attempt.now);
                root::summon(plugin);
            }
            (Admission::default(), Outcome::ReportOnly)
        }
    };
    let mut stripped = headers.iter().filter(|(name, _)| plugin.strip.is_stripped(name));
    let is_clean = stripped.all(|(name, _)| host::remove_header(name));
    // A header that stayed would be taken for one that the filter wrote.
    if !is_clean || !admission.edits.iter().all(host::edit) {
        refuse(request, &closed("RequestNotWritable"));
        return;
    }
    for (name, value) in &admission.variables {
        host::set_variable(name, value);
    }
    plugin.metrics.count_outcome(policy, outcome);
    request.phase.set(Phase::Allowed);
}

/// The answer when the filter itself cannot work: closed, and told apart from every refusal.
fn closed(detail: &str) -> Reply {
    let unavailable = Rejection::KeysUnavailable { retry_after: Duration::from_secs(1) };
    let answer = reply::reply(&unavailable, &Refusal::default(), false);
    Reply { details: format!("validate_jwt{{{detail}}}"), ..answer }
}
