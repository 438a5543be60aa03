//! What the guides about Istio and Entra ID show is true: each piece of YAML is in a resource that ships, each command names what is
//! there, and of the XML `validate-jwt convert` makes the YAML beside it. Their JSON is compiled by `tests/examples.rs`;
//! `tests/envoy/guides.rs` runs their table. The other guides are run command by command (`cli/tests/`).

#![expect(
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use validate_jwt::config::Configuration;
use validate_jwt_cli::convert::{ConvertOptions, convert};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|known| known == extension)).collect();
    files.sort();
    files
}

const GUIDES: [&str; 2] = ["entra.md", "from-apim-to-istio.md"];

/// The fenced blocks of a language in the guides, with the names of their files.
fn blocks(language: &str) -> Vec<(String, String)> {
    let fence = format!("```{language}\n");
    let of_guide = |name: &str| {
        let text = fs::read_to_string(root().join("docs/guides").join(name)).unwrap();
        let blocks = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
        blocks.map(|block| (name.to_owned(), block)).collect::<Vec<_>>()
    };
    GUIDES.into_iter().flat_map(of_guide).collect()
}

/// Whether all of `part` stands together somewhere in `whole`; a list may have more items there.
fn holds(whole: &Value, part: &Value) -> bool {
    let is_here = match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| is_part(whole, part)))
        }
        _ => is_part(whole, part),
    };
    let inner: Vec<&Value> = whole.as_object().map_or_else(
        || whole.as_array().into_iter().flatten().collect(),
        |members| members.values().collect(),
    );
    is_here || inner.into_iter().any(|inner| holds(inner, part))
}

fn is_part(whole: &Value, part: &Value) -> bool {
    match (whole.as_array(), part.as_array()) {
        (Some(whole), Some(part)) => part.iter().all(|item| whole.contains(item)),
        _ => whole == part,
    }
}

#[test]
fn every_piece_of_yaml_is_in_a_resource_that_ships() {
    let resources: Vec<Value> = files("envoy/istio", "yaml")
        .into_iter()
        .flat_map(|path| serde_saphyr::from_multiple(&fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    let blocks = blocks("yaml");
    assert!(blocks.len() >= 4);
    for (guide, block) in blocks {
        let part: Value =
            serde_saphyr::from_str(&block).unwrap_or_else(|error| panic!("{guide}: {error}\n{block}"));
        assert!(
            resources.iter().any(|whole| holds(whole, &part)),
            "{guide}: nothing that ships has\n{block}"
        );
    }
}

#[test]
fn the_xml_becomes_the_yaml() {
    let (_, xml) = blocks("xml").pop().expect("a guide shows a policy in XML");
    let commands = blocks("sh").into_iter().find_map(|(_, block)| {
        let (_, rest) = block.split_once("--cluster '")?;
        rest.split_once('\'').map(|(cluster, _)| cluster.to_owned())
    });
    let cluster = commands.expect("a guide converts it");
    let (host, cluster) = cluster.split_once('=').unwrap();
    let clusters = BTreeMap::from([(host.to_owned(), cluster.to_owned())]);
    let conversion =
        convert("policy.xml", xml.as_bytes(), &ConvertOptions { clusters, ..Default::default() });
    let json = conversion.json.unwrap_or_else(|| panic!("{}", conversion.report));
    let made: Value = serde_json::from_str(&json).unwrap();
    for member in ["validate-jwt", "clusters"] {
        let (_, yaml) =
            blocks("yaml").into_iter().find(|(_, block)| block.starts_with(&format!("{member}:"))).unwrap();
        let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(made[member], yaml[member], "{member}");
    }
    assert_eq!(made.as_object().unwrap().len(), 2, "{json}");
    assert!(Configuration::parse(json.as_bytes(), &|_| None).unwrap().warnings.is_empty());
}

#[test]
fn every_command_names_what_is_there() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let commands: Vec<String> = blocks("sh")
        .into_iter()
        .flat_map(|(_, block)| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(commands.len() >= 4);
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["make", target] => assert!(makefile.contains(&format!("\n{target}:")), "{command}"),
            ["kubectl", "apply", "-k", folder] => {
                assert!(root().join(folder).join("kustomization.yaml").exists(), "{command}");
            }
            ["kubectl", "logs", workload, "-c", container, ..] => {
                let shipped = fs::read_to_string(root().join("envoy/istio/workload.yaml")).unwrap();
                let name = workload.strip_prefix("deploy/").unwrap();
                assert!(
                    shipped.contains(&format!("kind: Deployment\nmetadata:\n  name: {name}\n")),
                    "{command}"
                );
                assert!(shipped.contains(&format!("- name: {container}\n")), "{command}");
            }
            ["skopeo", "copy", "--preserve-digests", layout, to] => {
                let plugin = fs::read_to_string(root().join("envoy/istio/wasm-plugin.yaml")).unwrap();
                let place = to.strip_prefix("docker://").unwrap();
                assert!(plugin.contains(&format!("url: oci://{place}\n")), "{command}");
                assert!(makefile.contains(&format!("IMAGE := {}\n", layout.strip_prefix("oci:").unwrap())));
            }
            // `the_xml_becomes_the_yaml` does what they do.
            ["validate-jwt", "convert", "policy.xml", "--cluster", _, ">filter.json"]
            | ["validate-jwt", "check", "filter.json"] => {}
            _ => panic!("no test knows `{command}`"),
        }
    }
}

#[test]
fn every_policy_of_filter_config_has_its_place() {
    let guide = fs::read_to_string(root().join("docs/guides/entra.md")).unwrap();
    for path in files("filter-config", "json") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_for_all = ["schema.json", "several-policies.json"].contains(&name);
        assert!(is_for_all || guide.contains(&format!("`{name}`")), "{name}");
    }
}
