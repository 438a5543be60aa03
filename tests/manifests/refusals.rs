//! What the model refuses: any name that no API has, and in each kind a value that is none of its enumerations or not of its form.

use crate::model;
use crate::resources;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Objects whose names are not an API's: the user's own, or those of Envoy and of the filter, which check them in
/// `agreement.rs` and in `tests/envoy/istio.rs`.
const FREE: [&str; 6] = ["pluginConfig", "config", "annotations", "labels", "matchLabels", "data"];

fn is_free(pointer: &str) -> bool {
    pointer.contains("/patch/value") || pointer.split('/').any(|name| FREE.contains(&name))
}

/// The pointers to all objects in a document.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(at.to_owned());
            members.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| objects(item, &format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_name_that_no_api_has_is_refused_everywhere() {
    let mut kinds = BTreeSet::new();
    for (file, document) in resources() {
        let mut found = Vec::new();
        objects(&document, "", &mut found);
        for pointer in found.iter().filter(|pointer| !is_free(pointer)) {
            let mut more = document.clone();
            more.pointer_mut(pointer).unwrap()["misspelt"] = json!("x");
            let error = model::check(&more).expect_err(&format!("{file}{pointer}"));
            assert!(error.contains("unknown field `misspelt`"), "{file}{pointer}: {error}");

            let members = document.pointer(pointer).unwrap().as_object().unwrap();
            for name in members.keys() {
                let mut other = document.clone();
                let object = other.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
                let value = object.remove(name).unwrap();
                object.insert(format!("{name}s"), value);
                assert!(model::check(&other).is_err(), "{file}{pointer}: `{name}s` was taken");
            }
        }
        kinds.insert(document["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

#[test]
fn a_wrong_value_is_refused() {
    let digest = |length: usize| json!("a".repeat(length));
    let cases: Vec<(&str, &str, Value)> = vec![
        ("WasmPlugin", "/apiVersion", json!("extensions.istio.io/v1")),
        ("WasmPlugin", "/metadata/name", json!("Validate_JWT")),
        ("WasmPlugin", "/metadata/namespace", json!("a.b")),
        ("WasmPlugin", "/spec/phase", json!("AUTHENTICATION")),
        ("WasmPlugin", "/spec/phase", json!("authn")),
        ("WasmPlugin", "/spec/failStrategy", json!("FAIL_CLOSED")),
        ("WasmPlugin", "/spec/failStrategy", json!("RELOAD")),
        ("WasmPlugin", "/spec/imagePullPolicy", json!("if-not-present")),
        ("WasmPlugin", "/spec/match/0/mode", json!("INBOUND")),
        ("WasmPlugin", "/spec/match/0/ports", json!([{ "number": 0 }])),
        ("WasmPlugin", "/spec/match/0/ports", json!([{ "number": 65536 }])),
        ("WasmPlugin", "/spec/sha256", digest(63)),
        ("WasmPlugin", "/spec/sha256", json!(format!("sha256:{}", "a".repeat(64)))),
        ("WasmPlugin", "/spec/sha256", json!("A".repeat(64))),
        // What YAML makes of a digest without quotation marks that has no letter.
        ("WasmPlugin", "/spec/sha256", json!(0)),
        ("WasmPlugin", "/spec/url", json!("ftp://registry.example.com/x")),
        ("WasmPlugin", "/spec/url", json!("")),
        ("WasmPlugin", "/spec/priority", json!("high")),
        ("WasmPlugin", "/spec/type", json!("TCP")),
        ("WasmPlugin", "/spec/pluginConfig", json!("{}")),
        ("WasmPlugin", "/spec/targetRefs", json!([{ "group": "", "kind": "Service", "name": "orders" }])),
        ("WasmPlugin", "/spec/vmConfig", json!({ "env": [{ "name": "KEY", "valueFrom": "SECRET" }] })),
        (
            "WasmPlugin",
            "/spec/vmConfig",
            json!({ "env": [{ "name": "KEY", "valueFrom": "HOST", "value": "x" }] }),
        ),
        ("WasmPlugin", "/spec/vmConfig", json!({ "env": [{ "name": "KEY" }, { "name": "KEY" }] })),
        ("WasmPlugin", "/spec/vmConfig", json!({ "env": [{ "name": "MY-KEY", "valueFrom": "HOST" }] })),
        ("ServiceEntry", "/spec/hosts/0", json!("https://login.microsoftonline.com")),
        ("ServiceEntry", "/spec/hosts", json!([])),
        ("ServiceEntry", "/spec/location", json!("EXTERNAL")),
        ("ServiceEntry", "/spec/resolution", json!("LOGICAL_DNS")),
        ("ServiceEntry", "/spec/ports/0/protocol", json!("https")),
        ("ServiceEntry", "/spec/ports/0/number", json!("443")),
        ("ServiceEntry", "/spec/exportTo/0", json!("../orders")),
        ("DestinationRule", "/spec/host", json!("login.microsoftonline.com:443")),
        ("DestinationRule", "/spec/subsets/0/name", json!("Keys")),
        ("DestinationRule", "/spec/subsets/0/trafficPolicy/tls/mode", json!("TLS")),
        ("DestinationRule", "/spec/subsets/0/trafficPolicy/tls/subjectAltNames/0", json!("DNS:login")),
        ("DestinationRule", "/spec/subsets/0/trafficPolicy/connectionPool/tcp/connectTimeout", json!(2)),
        ("DestinationRule", "/spec/subsets/0/trafficPolicy/connectionPool/http/idleTimeout", json!("30")),
        ("AuthorizationPolicy", "/spec/action", json!("PERMIT")),
        ("AuthorizationPolicy", "/spec/rules/0/to/0/operation/methods/0", json!("get")),
        ("AuthorizationPolicy", "/spec/rules/0/when/0/key", json!("request.header[x-client-id]")),
        ("AuthorizationPolicy", "/spec/rules/0/when/0/values", json!([])),
        ("EnvoyFilter", "/spec/configPatches/0/applyTo", json!("HCM")),
        ("EnvoyFilter", "/spec/configPatches/0/match/context", json!("INBOUND")),
        ("EnvoyFilter", "/spec/configPatches/0/patch/operation", json!("merge")),
        ("EnvoyFilter", "/spec/configPatches/0/patch/value", json!("{}")),
        ("EnvoyExtensionPolicy", "/spec/targetRefs/0/group", json!("networking.istio.io")),
        ("EnvoyExtensionPolicy", "/spec/targetRefs/0/kind", json!("Service")),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/code/type", json!("OCI")),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/code/type", json!("HTTP")),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/code/pullPolicy", json!("Never")),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/code/image/url", json!("oci://registry.example.com/x")),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/code/image/sha256", digest(65)),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/failOpen", json!("false")),
        ("EnvoyProxy", "/spec/bootstrap/type", json!("Patch")),
        ("EnvoyProxy", "/spec/bootstrap/type", json!("JSONPatch")),
        ("EnvoyProxy", "/spec/bootstrap/value", json!({ "static_resources": {} })),
        ("Deployment", "/spec/template/metadata/labels/app", json!("invoices")),
        ("Deployment", "/spec/template/metadata/annotations/x", json!(true)),
        ("Deployment", "/spec/template/spec/containers/1/env/0/name", json!("")),
        ("Deployment", "/spec/template/spec/containers/0/ports/0/containerPort", json!(0)),
        ("ConfigMap", "/data/custom_bootstrap.json", json!({})),
        ("ConfigMap", "/apiVersion", json!("v2")),
        ("Kustomization", "/resources", json!("wasm-plugin.yaml")),
        ("Kustomization", "/apiVersion", json!("kustomize.config.k8s.io/v1")),
    ];
    let resources = resources();
    let kinds: BTreeSet<&str> =
        resources.iter().filter_map(|(_, document)| document["kind"].as_str()).collect();
    assert_eq!(kinds, cases.iter().map(|(kind, ..)| *kind).collect(), "each kind has a case");
    for (kind, pointer, value) in cases {
        let (_, document) = resources.iter().find(|(_, document)| document["kind"] == kind).unwrap();
        let mut changed = document.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("{kind}{pointer}"));
        match parent.as_array_mut() {
            Some(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            None => parent[name] = value.clone(),
        }
        assert!(model::check(&changed).is_err(), "{kind}{pointer}: {value} was taken");
    }
}

/// A form that YAML allows and an API server does not see the half of.
#[test]
fn a_name_that_is_there_twice_is_refused() {
    assert!(serde_saphyr::from_str::<Value>("spec:\n  phase: AUTHN\n  phase: STATS\n").is_err());
}
