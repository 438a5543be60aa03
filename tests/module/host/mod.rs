//! A proxy-wasm host in which time stands still until a test moves it.
//!
//! It behaves as Envoy does where a filter can tell: the root context owns callouts; the headers of a request are
//! gone once it goes on or is answered; decisions take effect when the call into the VM has ended; a finished request
//! is no context any more; setting the tick period starts the timer anew.

mod abi;
mod callouts;
mod imports;
mod requests;
mod signature;
mod state;
mod stream_imports;
mod verdict;
mod wasi;

pub(crate) use callouts::{Answer, Reaction, Script};
pub(crate) use requests::{Request, StreamId};
pub(crate) use signature::Verify;
pub(crate) use state::{Callout, Copies, Level, LogLine, Outcome, Reply, Shared};

use callouts::Pending;
use state::{Action, Phase, ROOT, Root, State, Tick};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use verdict::Secrets;
use wasmtime::{Engine, Instance, Module, Store, WasmParams, WasmResults};

/// When the virtual time of every test begins: 2026-09-21 14:13:20 UTC.
pub(crate) const START: Duration = Duration::from_secs(1_790_000_000);

/// A plugin in the VM, by the id of its root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootId(pub(crate) u32);

impl RootId {
    /// The plugin that the VM was started with.
    pub(crate) const FIRST: Self = Self(ROOT);
}

/// What a host is started with.
pub(crate) struct Setup {
    pub(crate) configuration: Vec<u8>,
    pub(crate) plugin_name: String,
    pub(crate) verify: Verify,
    pub(crate) clusters: BTreeSet<String>,
    pub(crate) seed: u64,
    pub(crate) shared: Shared,
    pub(crate) script: Script,
    pub(crate) secrets: Vec<Vec<u8>>,
    /// Variables of the VM's environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl Setup {
    /// A host with that plugin configuration, one cluster `idp`, the correct `verify_signature`, and nobody who
    /// answers callouts.
    pub(crate) fn new(configuration: impl AsRef<[u8]>) -> Self {
        Self {
            configuration: configuration.as_ref().to_vec(),
            plugin_name: "orders".to_owned(),
            verify: Verify::Correct,
            clusters: BTreeSet::from(["idp".to_owned()]),
            seed: 1,
            shared: Shared::default(),
            script: Box::new(|_callout| None),
            secrets: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// See the module.
pub(crate) struct Host {
    store: Store<State>,
    instance: Instance,
    script: Script,
    pending: BTreeMap<u32, Pending>,
    seen_callouts: usize,
    next_context: u32,
    secrets: Secrets,
    trap: Option<String>,
    /// What `proxy_on_configure` answered.
    pub(crate) configured: bool,
    /// Which case of a table this host serves: it stands in front of what assertions say.
    pub(crate) about: String,
}

impl Host {
    /// Starts a VM and configures the plugin, which must accept its configuration.
    pub(crate) fn start(setup: Setup) -> Self {
        let host = Self::boot(setup);
        assert!(host.configured, "the configuration was refused: {:?}", host.log());
        host
    }

    /// Starts a VM and configures the plugin, whatever it thinks of its configuration.
    pub(crate) fn boot(setup: Setup) -> Self {
        let module = module();
        let properties =
            [("plugin_name", setup.plugin_name.as_str()), ("plugin_root_id", "jwt"), ("plugin_vm_id", "")];
        let mut secrets = Secrets::default();
        secrets.add_configuration(&setup.configuration);
        for secret in &setup.secrets {
            secrets.add(secret);
        }
        let state = State {
            now: START,
            set_back: Duration::ZERO,
            random: setup.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            phase: Phase::Initializing,
            current: 0,
            effective: None,
            streams: BTreeMap::new(),
            finished: BTreeMap::new(),
            roots: BTreeMap::new(),
            environment: setup.environment,
            properties: properties.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into(),
            clusters: setup.clusters,
            clusters_without_endpoint: BTreeSet::new(),
            callouts: Vec::new(),
            refused_callouts: Vec::new(),
            response: None,
            log: Vec::new(),
            metrics: Vec::new(),
            shared: setup.shared,
            property_writes: Vec::new(),
            actions: Vec::new(),
            verify: setup.verify,
            verify_calls: 0,
            copies: Copies::Joined,
            head_reads: 0,
            violations: Vec::new(),
        };
        let mut store = Store::new(module.engine(), state);
        let linker = imports::linker(module.engine(), module).expect("the linker takes all functions");
        let instance = linker.instantiate(&mut store, module).expect("the module instantiates");
        let mut host = Self {
            store,
            instance,
            script: setup.script,
            pending: BTreeMap::new(),
            seen_callouts: 0,
            next_context: ROOT,
            secrets,
            trap: None,
            configured: false,
            about: String::new(),
        };
        host.call::<_, ()>("_initialize", 0, ());
        host.configured = host.add_root(&setup.configuration).is_some();
        host
    }

    /// Starts one more plugin in the same VM, as Envoy does for each configuration of the same code; `None` if it
    /// refuses its configuration.
    pub(crate) fn add_root(&mut self, configuration: &[u8]) -> Option<RootId> {
        let id = self.next_context;
        self.next_context += 1;
        self.secrets.add_configuration(configuration);
        let length = u32::try_from(configuration.len()).unwrap();
        let root = Root { configuration: configuration.to_vec(), tick: None };
        let state = self.store.data_mut();
        state.roots.insert(id, root);
        state.phase = Phase::Starting;
        self.call::<_, ()>("proxy_on_context_create", id, (id, 0_u32));
        let started = self.call::<_, u32>("proxy_on_vm_start", id, (id, 0_u32));
        self.store.data_mut().phase = Phase::Configuring;
        let configured = self.call::<_, u32>("proxy_on_configure", id, (id, length));
        self.store.data_mut().phase = Phase::Running;
        let good = started.unwrap_or(1) != 0 && configured.unwrap_or(1) != 0 && self.trap.is_none();
        good.then_some(RootId(id))
    }

    /// The same for a plugin of another name.
    pub(crate) fn add_plugin(&mut self, name: &str, configuration: &[u8]) -> Option<RootId> {
        self.store.data_mut().properties.insert("plugin_name".to_owned(), name.as_bytes().to_vec());
        self.add_root(configuration)
    }

    /// Starts a plugin and ends it at once, whatever it thinks of its configuration, and gives what that was. Envoy tries
    /// configurations so, in a VM that it throws away; one that stays must not be the larger for it.
    pub(crate) fn try_configuration(&mut self, configuration: &[u8]) -> bool {
        let root = RootId(self.next_context);
        let is_good = self.add_root(configuration).is_some();
        self.remove_root(root);
        is_good
    }

    /// What it does with copies of `Authorization` from now on.
    pub(crate) fn keep_copies(&mut self, copies: Copies) {
        self.store.data_mut().copies = copies;
    }

    /// How often all headers of a request were asked for.
    pub(crate) fn head_reads(&self) -> usize {
        self.store.data().head_reads
    }

    /// The shared data, for another VM of the same proxy.
    pub(crate) fn shared(&self) -> Shared {
        self.store.data().shared.clone()
    }

    /// Ends a plugin, as after a configuration update; its callouts are cancelled.
    pub(crate) fn remove_root(&mut self, root: RootId) {
        let id = root.0;
        self.call::<_, u32>("proxy_on_done", id, id);
        self.call::<_, ()>("proxy_on_delete", id, id);
        let state = self.store.data_mut();
        state.roots.remove(&id);
        let state = self.store.data();
        self.pending.retain(|token, _| state.callouts[usize::try_from(*token).unwrap() - 1].root != id);
    }

    /// Calls an export, then does what hostcalls left to be done. An export that is not there does nothing.
    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, context: u32, parameters: P) -> Option<R> {
        if self.trap.is_some() {
            return None;
        }
        let function = self.instance.get_func(&mut self.store, name)?;
        let function = function.typed::<P, R>(&self.store).expect("the export has the ABI's signature");
        let state = self.store.data_mut();
        state.current = context;
        state.effective = None;
        let result = function.call(&mut self.store, parameters);
        let state = self.store.data_mut();
        state.current = 0;
        state.effective = None;
        match result {
            Ok(result) => {
                // `on_request_headers` settles its own outcome first: see there.
                if name != "proxy_on_request_headers" {
                    self.after_call();
                }
                Some(result)
            }
            Err(error) => {
                self.trap = Some(format!("{name}: {error:?}"));
                None
            }
        }
    }

    fn after_call(&mut self) {
        for action in std::mem::take(&mut self.store.data_mut().actions) {
            let (Action::Continue(id) | Action::Reply(id, _)) = &action;
            let id = *id;
            let state = self.store.data_mut();
            let Some(stream) = state.streams.get_mut(&id) else { continue };
            if !matches!(stream.outcome, Outcome::Paused) {
                state
                    .violations
                    .push(format!("request {id} was decided twice: {:?}, {action:?}", stream.outcome));
                continue;
            }
            stream.decided_at = Some(state.now);
            match action {
                Action::Continue(_) => stream.outcome = Outcome::Continued,
                Action::Reply(_, reply) => {
                    let count = u32::try_from(reply.headers.len() + 1).unwrap();
                    stream.outcome = Outcome::Replied(reply);
                    self.call::<_, u32>("proxy_on_response_headers", id, (id, count, 0_u32));
                    self.close(StreamId(id));
                }
            }
        }
        self.take_up_callouts();
    }

    /// Lets time pass; ticks, answers and timeouts happen when they are due.
    pub(crate) fn advance(&mut self, by: Duration) {
        let until = self.now() + by;
        while self.step(until) {}
        self.store.data_mut().now = until;
    }

    /// Lets time pass until something is so, and gives the time it took; at most `limit`.
    pub(crate) fn advance_until(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Duration {
        let start = self.now();
        while !done(self) {
            assert!(
                self.step(start + limit),
                "{limit:?} later still not so: {what}\nlog: {:#?}\ncallouts: {:#?}",
                self.log(),
                self.callouts()
            );
        }
        self.now() - start
    }

    /// The next thing that is due, unless it is due later than that. Nothing happens in a dead VM.
    fn step(&mut self, until: Duration) -> bool {
        let answer = self.pending.iter().min_by_key(|(token, pending)| (pending.due, **token));
        let answer = answer.map(|(token, pending)| (pending.due, *token));
        let ticks = self.store.data().roots.iter();
        let tick = ticks.filter_map(|(id, root)| Some((root.tick?.next, *id))).min();
        let answer_first = match (answer, tick) {
            (Some((due, _)), Some((next, _))) => due <= next,
            (answer, _) => answer.is_some(),
        };
        if let Some((due, token)) = answer.filter(|(due, _)| answer_first && *due <= until) {
            let pending = self.pending.remove(&token).unwrap();
            self.store.data_mut().now = due;
            self.deliver(token, pending.response);
            return true;
        }
        if let Some((next, root)) = tick.filter(|(next, _)| !answer_first && *next <= until) {
            self.store.data_mut().now = next;
            self.call::<_, ()>("proxy_on_tick", root, root);
            let state = self.store.data_mut();
            // Envoy starts the timer again after each tick, with whatever period holds then.
            let tick = &mut state.roots.get_mut(&root).unwrap().tick;
            *tick = tick.map(|tick| Tick { next: state.now + tick.period, ..tick });
            return true;
        }
        false
    }

    /// The virtual time, since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.store.data().now
    }

    /// Somebody sets the clock back, as when it ran ahead before it was synchronized.
    pub(crate) fn set_clock_back(&mut self, by: Duration) {
        self.store.data_mut().set_back += by;
    }

    /// Everything that was logged.
    pub(crate) fn log(&self) -> &[LogLine] {
        &self.store.data().log
    }

    /// How often `verify_signature` was called.
    pub(crate) fn verify_calls(&self) -> usize {
        self.store.data().verify_calls
    }

    /// The value of a metric, if it was defined.
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        self.store.data().metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    /// The sum of all metrics of a name: plugins that came one after the other have each its own here, and one in Envoy.
    pub(crate) fn metric_of_all(&self, name: &str) -> u64 {
        let metrics = self.store.data().metrics.iter();
        metrics.filter(|metric| metric.name == name).map(|metric| metric.value).sum()
    }

    /// The names of all metrics.
    pub(crate) fn metric_names(&self) -> Vec<&str> {
        self.store.data().metrics.iter().map(|metric| metric.name.as_str()).collect()
    }

    /// The size of the module's memory, which never shrinks.
    pub(crate) fn memory_bytes(&mut self) -> usize {
        let memory = self.instance.get_memory(&mut self.store, "memory").unwrap();
        memory.data_size(&self.store)
    }

    /// The period of the first plugin's timer, if it runs.
    pub(crate) fn tick_period(&self) -> Option<Duration> {
        self.store.data().roots[&ROOT].tick.map(|tick| tick.period)
    }
}

/// The module under test, compiled once for all tests of this process.
pub(crate) fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        Module::new(&Engine::default(), bytes()).expect("the built module is valid WebAssembly")
    })
}

/// The same as it was built.
pub(crate) fn bytes() -> Vec<u8> {
    let path = std::env::var_os("VALIDATE_JWT_WASM").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dist/validate_jwt.wasm"),
        PathBuf::from,
    );
    fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}. These tests run the built module: `make wasm` builds it.", path.display())
    })
}
