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
    Plugin, host,
    metrics::Metrics,
    stream::{self, Stream},
};
use crate::{
    algorithm::Algorithm,
    config::Configuration,
    keys::{Action, Fetch, Fetched, KeyStore, Report},
    log_budget::LogBudget,
    signature::Verifier,
};

/// The timer's resolution: how soon a request that needs a fetch gets one.
const SOON: Duration = Duration::from_millis(1);

/// The longest time between two ticks: as much is lost when the clock is set back, and as old are the gauges.
const LATER: Duration = Duration::from_secs(1);

thread_local! {
    /// Which backend verifies is decided once for the VM, whatever the number of plugins in it.
    static VERIFIER: Rc<Verifier> = Rc::new(choose_verifier());
}

/// One plugin's root.
pub(super) struct Root {
    id: u32,
    /// Absent until a configuration was accepted.
    plugin: Option<Rc<Plugin>>,
    /// The fetches whose callouts are under way.
    callouts: BTreeMap<u32, Fetch>,
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
        match Configuration::parse(&host::configuration()) {
            Ok(configuration) => {
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
        Self { id, plugin: None, callouts: BTreeMap::new() }
    }

    fn configure(&mut self, configuration: Configuration) {
        for warning in &configuration.warnings {
            log::warn!("{warning}");
        }
        let providers = configuration.providers.len();
        let keys = KeyStore::new(configuration.providers, random(), configuration.max_waiting);
        self.plugin = Some(Rc::new(Plugin {
            policy: configuration.policy,
            verifier: VERIFIER.with(Rc::clone),
            keys: RefCell::new(keys),
            timeout: configuration.timeout,
            max_response_bytes: configuration.max_response_bytes,
            waiting: RefCell::default(),
            is_summoned: Cell::new(providers > 0),
            log: RefCell::new(LogBudget::new()),
            metrics: Metrics::new(&host::plugin_name().unwrap_or_else(|| "unnamed".to_owned())),
        }));
        self.callouts.clear();
        // Nothing is sent from here: Envoy tries each configuration in a VM that it throws away at once.
        host::set_tick_period(if providers == 0 { Duration::ZERO } else { SOON });
    }

    /// Does what the key store asks for, and what follows from it.
    fn perform(&mut self, plugin: &Rc<Plugin>, actions: Vec<Action>) {
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
                    plugin.metrics.count_fetch(&report);
                    log_report(plugin, &report);
                }
            }
        }
        let now = host::now();
        plugin.metrics.show_providers(&plugin.keys.borrow(), now);
        let next =
            plugin.keys.borrow().until_next(now).map_or(Duration::ZERO, |next| next.clamp(SOON, LATER));
        plugin.is_summoned.set(next == SOON);
        host::set_tick_period(next);
    }
}

/// Has the root's timer run out at once: a fetch is due that only the root may send.
pub(super) fn summon(plugin: &Plugin) {
    if !plugin.is_summoned.replace(true) {
        host::set_tick_period(SOON);
    }
}

fn choose_verifier() -> Verifier {
    let verifier = Verifier::with_host(Box::new(host::verify_signature));
    if host::is_first("validate-jwt/verifier-logged") {
        let by_host: Vec<_> = verifier.host_algorithms().iter().map(Algorithm::name).collect();
        let version = env!("CARGO_PKG_VERSION");
        if by_host.is_empty() {
            log::info!(
                "version {version}; signatures are verified by the module: the host has no verify_signature that works"
            );
        } else {
            let by_host = by_host.join(", ");
            log::info!(
                "version {version}; signatures are verified by the host ({by_host}) and by the module (others)"
            );
        }
    }
    verifier
}

/// A number that differs between proxies that start together.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn log_report(plugin: &Plugin, report: &Report) {
    let keys = plugin.keys.borrow();
    let Some(provider) = keys.provider(report.provider) else {
        return;
    };
    let (url, seconds) = (provider.url(), report.next.as_secs_f32());
    match &report.result {
        Ok(Fetched { keys, skipped, first_skipped: Some((index, error)) }) => {
            log::info!("{url}: {keys} keys; {skipped} more cannot be used (keys[{index}]: {error})");
        }
        Ok(Fetched { keys, first_skipped: None, .. }) => log::info!("{url}: {keys} keys"),
        Err(error) => log::warn!("{url}: no new keys: {error}; next attempt in {seconds:.1} s"),
    }
}
