//! The Kubernetes resources that ship in `envoy/istio/`, as documents.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// The resources in a file of `envoy/istio/`. A name that stands twice in one object is an error.
pub(crate) fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/istio").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The only resource of this kind in such a file.
pub(crate) fn resource(file: &str, kind: &str) -> Value {
    let mut found: Vec<Value> =
        documents(file).into_iter().filter(|document| document["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{file} has one {kind}");
    found.remove(0)
}

/// What Istio calls the cluster of a subset.
pub(crate) fn subset_cluster(port: u64, subset: &str, host: &str) -> String {
    format!("outbound|{port}|{subset}|{host}")
}
