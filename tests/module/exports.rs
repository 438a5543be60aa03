//! What a proxy finds in the module that ships.

use super::host;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Each with its reason.
const LIST: &str = include_str!("../../postlink/filter-exports.txt");

/// Each byte is compiled before a proxy is ready, and pushed to every one of them. What brings much at once is a type that is
/// sorted, a float that is printed, or another crate (`docs/decisions.md`).
const MAX_BYTES: usize = 1_000_000;

#[test]
fn the_module_is_small() {
    let bytes = host::bytes().len();
    assert!(bytes < MAX_BYTES, "the module has {bytes} bytes, {} too many", bytes - MAX_BYTES);
}

fn listed() -> BTreeSet<&'static str> {
    let entries = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries = entries.map(|line| line.split_once(' ').unwrap_or_else(|| panic!("no reason: {line}")));
    entries.map(|(name, _)| name).collect()
}

/// Each callback more is a call into the VM more on every request.
#[test]
fn the_module_exports_what_is_listed_and_nothing_else() {
    let exported: BTreeSet<_> = host::module().exports().map(|export| export.name()).collect();
    assert_eq!(exported, listed());
}

/// A callback that the module does not export is never called, and nothing else would say so.
#[test]
fn every_callback_that_the_filter_has_is_exported() {
    let listed = listed();
    let mut callbacks = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/filter")).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        for (_, rest) in source.match_indices("fn on_").map(|(at, _)| source.split_at(at + "fn ".len())) {
            let (method, _) = rest.split_once('(').unwrap();
            // The SDK says `http` of requests, the ABI only of callouts.
            let callback =
                method.replace("on_http_request", "on_request").replace("on_http_response", "on_response");
            assert!(listed.contains(format!("proxy_{callback}").as_str()), "{method} would never be called");
            callbacks += 1;
        }
    }
    assert_eq!(callbacks, 6, "a callback went, or this test no longer finds them");
}
