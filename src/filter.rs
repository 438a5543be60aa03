//! The filter: a thin adapter between the proxy and the core.
//!
//! The root context fetches keys and wakes requests; a stream context holds one request. Both decide by the same function,
//! [`stream::decide`].

mod crypto;
mod host;
mod log_lines;
mod metrics;
mod root;
mod sight;
mod stream;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use proxy_wasm::types::LogLevel;

use crate::{
    decision::Rulebook, forward::Strip, keys::KeyStore, log_budget::LogBudget, token_cache::TokenCache,
};
use crypto::Tools;
use metrics::Metrics;
use sight::Sight;
use stream::Request;

/// What the contexts of one plugin share.
struct Plugin {
    /// As the proxy's configuration calls it.
    name: String,
    rulebook: Rulebook,
    strip: Strip,
    sight: Sight,
    tools: Rc<Tools>,
    cache: TokenCache,
    keys: RefCell<KeyStore>,
    timeout: Duration,
    max_response_bytes: usize,
    /// The requests that wait, by their context ids: the root decides them again when it wakes them.
    waiting: RefCell<BTreeMap<u32, Rc<Request>>>,
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
