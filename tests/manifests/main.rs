//! The Kubernetes resources of `envoy/istio/`, without a cluster: each is what its API takes, to the field, and they agree with
//! one another, with `filter-config/` and with `envoy/production.yaml`. What is in them runs in `tests/envoy/istio.rs`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "../support/manifests.rs"]
mod manifests;

mod agreement;
mod model;
mod refusals;
mod text;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::{fs, io};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of `envoy/istio/` and of the folder in it, by their names from there.
fn files() -> Vec<String> {
    let folder = root().join("envoy/istio");
    let entries = |folder: PathBuf| -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut files: Vec<String> = [folder.clone(), folder.join("envoy-gateway")]
        .into_iter()
        .flat_map(|folder| entries(folder).unwrap())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    files
}

/// Every resource that ships, with the name of its file.
fn resources() -> Vec<(String, Value)> {
    let of_file =
        |file: String| manifests::documents(&file).into_iter().map(move |document| (file.clone(), document));
    files().into_iter().flat_map(of_file).collect()
}

#[test]
fn every_resource_is_what_its_api_takes() {
    let resources = resources();
    for (file, document) in &resources {
        model::check(document).unwrap_or_else(|error| panic!("{file}: {}: {error}", document["kind"]));
    }
    assert!(resources.len() >= 12);
}
