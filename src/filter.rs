//! The filter: a thin adapter between the proxy and the core.
//!
//! The root context fetches keys and wakes requests; a stream context holds one request. Both decide by the same function,
//! [`stream::decide`].

mod host;
mod metrics;
mod root;
mod stream;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use proxy_wasm::types::LogLevel;

use crate::{keys::KeyStore, log_budget::LogBudget, policy::Policy, signature::Verifier};
use metrics::Metrics;
use stream::Phase;

/// What the contexts of one plugin share.
struct Plugin {
    policy: Policy,
    verifier: Rc<Verifier>,
    keys: RefCell<KeyStore>,
    timeout: Duration,
    max_response_bytes: usize,
    /// The phases of the requests that wait, by their context ids: the root changes them when it wakes a request.
    waiting: RefCell<BTreeMap<u32, Rc<Cell<Phase>>>>,
    /// Whether the root's timer runs out within a millisecond anyway. To set it again would put it off, and with requests
    /// close upon each other, for good.
    is_summoned: Cell<bool>,
    log: RefCell<LogBudget>,
    metrics: Metrics,
}

proxy_wasm::main! {{
    // The proxy filters by its own level; what lies below this one costs not even a call.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
