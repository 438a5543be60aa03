//! Configuration that a running Envoy takes from files: all listeners from one (LDS), each filter from its own
//! (ECDS), or clusters that may change (CDS).

use super::deadline::wait_for;
use super::envoy::statistics;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file with the listeners.
pub(super) const LISTENERS: &str = "listeners.json";

/// The file with the clusters that may change.
pub(super) const CLUSTERS: &str = "clusters.json";

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// What Envoy made of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    Accepted,
    Refused,
}

/// A file that Envoy reads again when another one takes its place.
#[derive(Clone, Debug)]
pub(crate) struct WatchedFile {
    name: String,
    resources: Vec<Value>,
    /// What the names of the statistics begin with that count its updates.
    statistics: String,
}

impl WatchedFile {
    pub(super) fn listeners(mut listeners: Vec<Value>) -> Self {
        for listener in &mut listeners {
            listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        }
        let statistics = "listener_manager.lds.".to_owned();
        Self { name: LISTENERS.to_owned(), resources: listeners, statistics }
    }

    pub(super) fn clusters(mut clusters: Vec<Value>) -> Self {
        for cluster in &mut clusters {
            cluster["@type"] = json!("type.googleapis.com/envoy.config.cluster.v3.Cluster");
        }
        let statistics = "cluster_manager.cds.".to_owned();
        Self { name: CLUSTERS.to_owned(), resources: clusters, statistics }
    }

    pub(super) fn filter(name: &str, typed_config: &Value) -> Self {
        let resource = json!({
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": name,
            "typed_config": typed_config,
        });
        let statistics = format!("extension_config_discovery.http_filter.{name}.");
        Self { name: filter_file(name), resources: vec![resource], statistics }
    }

    fn path(&self, directory: &Path) -> PathBuf {
        directory.join(&self.name)
    }

    fn text(&self) -> String {
        json!({ "resources": self.resources }).to_string()
    }

    /// Puts the file in its place in one step: Envoy watches for that alone, and never reads half of it.
    pub(super) fn write(&self, directory: &Path) {
        let next = directory.join(format!("{}.next", self.name));
        fs::write(&next, self.text()).unwrap();
        fs::rename(&next, self.path(directory)).unwrap();
    }

    /// How often Envoy has accepted and refused it.
    fn counts(&self, admin: SocketAddr) -> (u64, u64) {
        let counts = statistics(admin, &format!("{}update_", self.statistics));
        let count = |name: &str| counts.get(&format!("{}update_{name}", self.statistics)).copied();
        (count("success").unwrap_or_default(), count("rejected").unwrap_or_default())
    }
}

/// Replaces the files that differ, and waits for what Envoy says to them; of several it must say the same.
pub(super) fn update(admin: SocketAddr, directory: &Path, files: &[WatchedFile]) -> Update {
    let differs = |file: &&WatchedFile| {
        let before = fs::read_to_string(file.path(directory));
        before.unwrap_or_else(|error| panic!("{} is not watched: {error}", file.name)) != file.text()
    };
    let changed: Vec<&WatchedFile> = files.iter().filter(differs).collect();
    let before: Vec<(u64, u64)> = changed.iter().map(|file| file.counts(admin)).collect();
    for file in &changed {
        file.write(directory);
    }
    let outcomes: Vec<Update> = changed
        .iter()
        .zip(before)
        .map(|(file, (accepted, refused))| {
            wait_for(&format!("Envoy's word on {}", file.name), || match file.counts(admin) {
                (now, _) if now > accepted => Some(Update::Accepted),
                (_, now) if now > refused => Some(Update::Refused),
                _ => None,
            })
        })
        .collect();
    let first = *outcomes.first().expect("the setup is the one before");
    assert!(outcomes.iter().all(|outcome| *outcome == first), "{outcomes:?}");
    first
}

/// Where Envoy finds a file that it is to watch.
pub(super) fn source(directory: &Path, name: &str) -> Value {
    json!({
        "path_config_source": { "path": directory.join(name) },
        "resource_api_version": "V3",
    })
}

/// The filter of a listener whose configuration is in a file of its own, with no default for as long as there is none.
pub(super) fn discovered_filter(directory: &Path, name: &str) -> Value {
    json!({
        "name": name,
        "config_discovery": {
            "config_source": source(directory, &filter_file(name)),
            "type_urls": [WASM],
        },
    })
}

fn filter_file(name: &str) -> String {
    format!("filter-{name}.json")
}
