//! The configuration that Envoy starts with.

use super::access_log::AccessLog;
use super::xds::{self, WatchedFile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How a plugin's configuration is given.
#[derive(Clone, Debug)]
pub(crate) enum Configuration {
    /// As text, to the byte.
    Text(String),
    /// As a protobuf `Struct`, which makes every number a double.
    Struct(Value),
    /// With the plugin around it, whole but for its module.
    Plugin(Value),
}

impl From<Value> for Configuration {
    fn from(value: Value) -> Self {
        Self::Text(value.to_string())
    }
}

/// How listeners and filters reach Envoy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Delivery {
    /// In the bootstrap, once and for all.
    #[default]
    Bootstrap,
    /// All listeners in one file (LDS).
    Listeners,
    /// The filter of each listener in a file of its own (ECDS), the way Istio delivers a `WasmPlugin`.
    Filters,
}

/// The files around a setup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    /// The module that the filter is.
    pub(crate) module: &'a Path,
    pub(crate) access_log: &'a AccessLog,
    /// Where the files lie that Envoy watches.
    pub(crate) directory: &'a Path,
}

/// Listeners, each with the filter and its own policy before the upstream, and clusters for identity providers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    workers: Option<usize>,
    drain_seconds: Option<u64>,
    listeners: BTreeMap<String, Configuration>,
    module: Option<PathBuf>,
    other_listeners: BTreeMap<String, Value>,
    overlay: Option<String>,
    body_passes_waiting_heads: bool,
    mortal: Option<Value>,
    connection_manager: BTreeMap<String, Value>,
    delivery: Delivery,
    clusters: BTreeMap<String, Vec<SocketAddr>>,
    changing_clusters: BTreeMap<String, Value>,
    environment: BTreeMap<String, String>,
    proxy_environment: BTreeMap<String, String>,
    filters_before: Vec<Value>,
    filters_after: Vec<Value>,
    route_headers: Vec<Value>,
    columns: Vec<String>,
}

impl Setup {
    /// One worker, no listener.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Serves with this many threads. Connections are dealt out to them in turns.
    pub(crate) fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.workers.unwrap_or(1)
    }

    /// Lets listeners that were replaced go on for so long only, and tell their clients at once to come again.
    pub(crate) fn drained_after(mut self, seconds: u64) -> Self {
        self.drain_seconds = Some(seconds);
        self
    }

    pub(crate) fn drain_seconds(&self) -> Option<u64> {
        self.drain_seconds
    }

    /// Lays another bootstrap over this one, as YAML.
    pub(crate) fn overlaid(mut self, bootstrap: impl Into<String>) -> Self {
        self.overlay = Some(bootstrap.into());
        self
    }

    pub(crate) fn overlay(&self) -> Option<&str> {
        self.overlay.as_deref()
    }

    /// Puts another module into the listeners than the one that ships.
    pub(crate) fn module(mut self, module: PathBuf) -> Self {
        self.module = Some(module);
        self
    }

    /// That other module.
    pub(crate) fn other_module(&self) -> Option<&Path> {
        self.module.as_deref()
    }

    pub(crate) fn listener(mut self, name: &str, configuration: impl Into<Configuration>) -> Self {
        self.listeners.insert(name.to_owned(), configuration.into());
        self
    }

    /// A listener that has another HTTP filter in place of this one.
    pub(crate) fn other_listener(mut self, name: &str, filter: &str, typed_config: &Value) -> Self {
        self.other_listeners.insert(name.to_owned(), http_filter(filter, typed_config));
        self
    }

    pub(crate) fn cluster(mut self, name: &str, address: SocketAddr) -> Self {
        self.clusters.insert(name.to_owned(), vec![address]);
        self
    }

    /// A cluster that has no endpoint at all.
    pub(crate) fn empty_cluster(mut self, name: &str) -> Self {
        self.clusters.insert(name.to_owned(), Vec::new());
        self
    }

    /// A cluster, with these endpoints, in a file of its own, which Envoy reads again when it is replaced.
    pub(crate) fn changing_cluster(mut self, name: &str, addresses: &[SocketAddr]) -> Self {
        self.changing_clusters.insert(name.to_owned(), cluster(name, addresses));
        self
    }

    /// The same, over TLS.
    pub(crate) fn changing_tls_cluster(mut self, name: &str, addresses: &[SocketAddr]) -> Self {
        let mut cluster = cluster(name, addresses);
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            },
        });
        self.changing_clusters.insert(name.to_owned(), cluster);
        self
    }

    /// Lets the body go on past a filter that holds back the head, unless it holds back the body as well.
    pub(crate) fn body_passes_waiting_heads(mut self) -> Self {
        self.body_passes_waiting_heads = true;
        self
    }

    /// Takes a copy of the module that dies of [`lethal`](super::http_client::Request::lethal) requests, and lets these members
    /// of the plugin say what happens then.
    pub(crate) fn mortal(mut self, failure: Value) -> Self {
        self.mortal = Some(failure);
        self
    }

    pub(crate) fn is_mortal(&self) -> bool {
        self.mortal.is_some()
    }

    /// Sets a member of every listener's connection manager.
    pub(crate) fn connection_manager(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.connection_manager.insert(name.to_owned(), value.into());
        self
    }

    /// Puts the listeners into a file that [`Envoy::update`](super::envoy::Envoy::update) can replace.
    pub(crate) fn watched(mut self) -> Self {
        self.delivery = Delivery::Listeners;
        self
    }

    /// Puts the filter of each listener into a file that [`Envoy::update`](super::envoy::Envoy::update) can replace.
    pub(crate) fn watched_filters(mut self) -> Self {
        self.delivery = Delivery::Filters;
        self
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.delivery != Delivery::Bootstrap
    }

    /// Sets a variable of the VM's environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a variable of the environment of Envoy itself, which a plugin can take over into its VM's.
    pub(crate) fn proxy_environment(mut self, name: &str, value: &str) -> Self {
        self.proxy_environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The environment of Envoy, beside that of the tests.
    pub(crate) fn environment_of_proxy(&self) -> &BTreeMap<String, String> {
        &self.proxy_environment
    }

    /// Puts another HTTP filter before this one, in every listener.
    pub(crate) fn filter_before(mut self, name: &str, typed_config: &Value) -> Self {
        self.filters_before.push(http_filter(name, typed_config));
        self
    }

    /// Puts another HTTP filter between this one and the router.
    pub(crate) fn filter_after(mut self, name: &str, typed_config: &Value) -> Self {
        self.filters_after.push(http_filter(name, typed_config));
        self
    }

    /// Has the router add a header to every request, with a value in the format of access logs.
    pub(crate) fn route_header(mut self, name: &str, format: &str) -> Self {
        self.route_headers.push(json!({ "header": { "key": name, "value": format } }));
        self
    }

    /// Adds a column to the access log, which an entry then has among its `columns`.
    pub(crate) fn column(mut self, format: &str) -> Self {
        self.columns.push(format.to_owned());
        self
    }

    /// The bootstrap document.
    pub(crate) fn document(&self, around: Surroundings<'_>, upstream: SocketAddr) -> Value {
        let clusters = self.clusters.iter().map(|(name, addresses)| cluster(name, addresses));
        let clusters: Vec<Value> = clusters.chain([cluster("upstream", &[upstream])]).collect();
        let mut document = json!({
            "node": { "id": "test", "cluster": "test" },
            "admin": { "address": address(([127, 0, 0, 1], 0).into()) },
            "static_resources": { "clusters": clusters },
        });
        match self.delivery {
            Delivery::Bootstrap | Delivery::Filters => {
                document["static_resources"]["listeners"] = json!(self.listeners(around));
            }
            Delivery::Listeners => {
                document["dynamic_resources"]["lds_config"] = xds::source(around.directory, xds::LISTENERS);
            }
        }
        if !self.changing_clusters.is_empty() {
            document["dynamic_resources"]["cds_config"] = xds::source(around.directory, xds::CLUSTERS);
        }
        document
    }

    /// The file with the clusters that may change, as this setup has them.
    pub(crate) fn clusters_file(&self) -> WatchedFile {
        WatchedFile::clusters(self.changing_clusters.values().cloned().collect())
    }

    /// The files that Envoy watches, as this setup has them.
    pub(crate) fn watched_files(&self, around: Surroundings<'_>) -> Vec<WatchedFile> {
        let filter = |(name, policy): (&String, &Configuration)| {
            WatchedFile::filter(name, &self.wasm(name, policy, around.module))
        };
        let mut files = match self.delivery {
            Delivery::Bootstrap => Vec::new(),
            Delivery::Listeners => vec![WatchedFile::listeners(self.listeners(around))],
            Delivery::Filters => self.listeners.iter().map(filter).collect(),
        };
        if !self.changing_clusters.is_empty() {
            files.push(self.clusters_file());
        }
        files
    }

    fn listeners(&self, around: Surroundings<'_>) -> Vec<Value> {
        let own = self.listeners.iter().map(|(name, policy)| (name, self.filter(name, policy, around)));
        let others = self.other_listeners.iter().map(|(name, filter)| (name, filter.clone()));
        own.chain(others).map(|(name, filter)| self.listener_document(name, filter, around)).collect()
    }

    fn filter(&self, name: &str, policy: &Configuration, around: Surroundings<'_>) -> Value {
        match self.delivery {
            Delivery::Bootstrap | Delivery::Listeners => {
                http_filter("validate_jwt", &self.wasm(name, policy, around.module))
            }
            Delivery::Filters => xds::discovered_filter(around.directory, name),
        }
    }

    fn listener_document(&self, name: &str, filter: Value, around: Surroundings<'_>) -> Value {
        let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
        let mut filters = self.filters_before.clone();
        filters.push(filter);
        filters.extend(self.filters_after.clone());
        filters.push(http_filter("envoy.filters.http.router", &router));
        let mut manager = json!({
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": name,
                    "route_config": {
                        "virtual_hosts": [{
                            "name": "all",
                            "domains": ["*"],
                            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }],
                        }],
                        "request_headers_to_add": self.route_headers,
                    },
                    "access_log": [{
                        "name": "envoy.access_loggers.file",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                            "path": around.access_log.path(),
                            "log_format": {
                                "text_format_source": { "inline_string": AccessLog::format(&self.columns) },
                            },
                        },
                    }],
                    "http_filters": filters,
        });
        for (name, value) in &self.connection_manager {
            manager[name] = value.clone();
        }
        json!({
            "name": name,
            "address": address(([127, 0, 0, 1], 0).into()),
            "connection_balance_config": { "exact_balance": {} },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }] }],
        })
    }

    /// The filter. It fails closed unless it is mortal, so that a VM that dies stays dead and cannot go unnoticed.
    fn wasm(&self, name: &str, configuration: &Configuration, module: &Path) -> Value {
        let mut plugin = match configuration {
            Configuration::Text(text) => self.plugin(
                name,
                &json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text }),
            ),
            Configuration::Struct(value) => self.plugin(
                name,
                &json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": value }),
            ),
            Configuration::Plugin(plugin) => plugin.clone(),
        };
        plugin["vm_config"]["code"] = json!({ "local": { "filename": module } });
        json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": plugin })
    }

    fn plugin(&self, name: &str, configuration: &Value) -> Value {
        let mut plugin = json!({
            "name": name,
            "vm_config": {
                "vm_id": "validate_jwt",
                "runtime": "envoy.wasm.runtime.v8",
                "environment_variables": { "key_values": self.environment },
            },
            "configuration": configuration,
            "allow_on_headers_stop_iteration": self.body_passes_waiting_heads,
        });
        let closed = json!({ "failure_policy": "FAIL_CLOSED" });
        let failure = self.mortal.as_ref().unwrap_or(&closed).as_object().into_iter().flatten();
        failure.for_each(|(name, value)| plugin[name] = value.clone());
        plugin
    }
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn cluster(name: &str, addresses: &[SocketAddr]) -> Value {
    let endpoints: Vec<Value> =
        addresses.iter().map(|to| json!({ "endpoint": { "address": address(*to) } })).collect();
    json!({
        "name": name,
        "type": "STATIC",
        // Two hundred connections at once may wait for a busy machine.
        "connect_timeout": "15s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
    })
}

fn http_filter(name: &str, typed_config: &Value) -> Value {
    json!({ "name": name, "typed_config": typed_config })
}
