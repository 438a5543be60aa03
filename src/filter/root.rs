//! The root context: takes the configuration, drives the keys, wakes the requests that wait for them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher, Hasher, RandomState},
    rc::Rc,
    time::Duration,
};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};

use super::{
    Plugin,
    crypto::Tools,
    host,
    log_lines::{self, log_report},
    metrics::Metrics,
    sight::Sight,
    stream::{self, Stream},
};
use crate::{
    config::Configuration,
    keys::{Action, Fetch, KeyStore, Sharing},
    log_budget::LogBudget,
    time::Timestamp,
    token_cache::TokenCache,
};

/// The timer's resolution: how soon a request that needs a fetch gets one.
const SOON: Duration = Duration::from_millis(1);

/// How old the gauges get when nothing happens.
const GAUGES: Duration = Duration::from_secs(1);

/// One plugin's root.
pub(super) struct Root {
    id: u32,
    /// Absent until a configuration was accepted.
    plugin: Option<Rc<Plugin>>,
    /// The fetches whose callouts are under way.
    callouts: BTreeMap<u32, Fetch>,
    /// When the gauges were set.
    shown: Timestamp,
}

impl Context for Root {
    fn on_http_call_response(
        &mut self,
        token: u32,
        num_headers: usize,
        body_size: usize,
        _num_trailers: usize,
    ) {
        let (Some(plugin), Some(fetch)) = (self.plugin.clone(), self.callouts.remove(&token)) else {
            return;
        };
        let response = host::callout_response(num_headers, body_size, plugin.max_response_bytes);
        let actions = plugin.keys.borrow_mut().answer(&fetch, response, host::now());
        self.perform(&plugin, actions);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match Configuration::parse(&host::configuration(), &host::environment) {
            Ok(configuration) => {
                log_lines::choose_level();
                self.configure(configuration);
                true
            }
            Err(error) => {
                log::error!("configuration refused: {error}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = self.plugin.clone() {
            let actions = plugin.keys.borrow_mut().tick(host::now());
            self.perform(&plugin, actions);
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, self.plugin.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Root {
    /// The root of this context id, without a configuration yet.
    pub(super) fn new(id: u32) -> Self {
        Self { id, plugin: None, callouts: BTreeMap::new(), shown: Timestamp::from_millis(i64::MIN) }
    }

    fn configure(&mut self, configuration: Configuration) {
        for warning in &configuration.warnings {
            log::warn!("{warning}");
        }
        for name in configuration.expired(host::now()) {
            log::warn!("certificates.{name} has expired; its key is used all the same");
        }
        let providers = configuration.providers.len();
        let (name, root_id) = (host::plugin_name(), host::plugin_root_id());
        let name = name.as_deref().unwrap_or("unnamed");
        let identity = [name, root_id.as_deref().unwrap_or_default()];
        let sharing = Sharing::new(Rc::new(host::Shared), &identity, random());
        let mut keys =
            KeyStore::new(configuration.providers, random(), configuration.max_waiting).sharing(sharing);
        // What an earlier configuration fetched, this one has for its first request.
        keys.learn(host::now());
        let is_authorization_enough =
            configuration.strip.is_empty() && configuration.rulebook.reads_authorization_only();
        self.plugin = Some(Rc::new(Plugin {
            name: name.to_owned(),
            sight: Sight::new(is_authorization_enough),
            rulebook: configuration.rulebook,
            strip: configuration.strip,
            tools: Tools::get(),
            cache: TokenCache::new(configuration.token_cache_bytes),
            keys: RefCell::new(keys),
            timeout: configuration.timeout,
            max_response_bytes: configuration.max_response_bytes,
            waiting: RefCell::default(),
            is_summoned: Cell::new(providers > 0),
            log: RefCell::new(LogBudget::new()),
            metrics: Metrics::new(name),
        }));
        self.callouts.clear();
        // Nothing is sent from here, and no right to fetch is taken: Envoy tries each configuration in a VM that it throws away
        // at once.
        host::set_tick_period(if providers == 0 { Duration::ZERO } else { SOON });
    }

    /// Does what the key store asks for, and what follows from it.
    fn perform(&mut self, plugin: &Rc<Plugin>, actions: Vec<Action>) {
        let now = host::now();
        let is_quiet = actions.is_empty() && now.since(self.shown) < GAUGES && self.shown <= now;
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Fetch(fetch) => match host::dispatch(&fetch, plugin.timeout) {
                    Ok(token) => {
                        self.callouts.insert(token, fetch);
                    }
                    Err(fault) => {
                        actions.extend(plugin.keys.borrow_mut().answer(&fetch, Err(fault), host::now()));
                    }
                },
                Action::Wake(woken) => {
                    for woken in woken {
                        stream::wake(plugin, woken);
                    }
                    // A callout that is sent on a request's behalf would end with it.
                    host::enter(self.id);
                }
                Action::Report(report) => {
                    plugin.metrics.record_fetch(&report);
                    log_report(plugin, &report);
                }
            }
        }
        let now = host::now();
        if !is_quiet {
            plugin.metrics.show_providers(&plugin.keys.borrow(), now);
            self.shown = now;
        }
        let next = plugin.keys.borrow().until_next(now).map_or(Duration::ZERO, |next| next.max(SOON));
        plugin.is_summoned.set(next == SOON);
        host::set_tick_period(next);
    }
}

impl Drop for Root {
    /// The answers to callouts that are under way will not come: another VM may fetch at once.
    fn drop(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.keys.borrow_mut().release();
        }
    }
}

/// Has the root's timer run out at once: a fetch is due that only the root may send.
pub(super) fn summon(plugin: &Plugin) {
    if !plugin.is_summoned.replace(true) {
        host::set_tick_period(SOON);
    }
}

/// A number that differs between proxies that start together.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
