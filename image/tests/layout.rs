//! The layout as the OCI image specification describes it, read by a model of our own that takes nothing else; and the module
//! out of it as Istio takes it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use flate2::read::GzDecoder;
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use validate_jwt_image::{Image, write};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: String,
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: usize,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    architecture: String,
    os: String,
    rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootFs {
    r#type: String,
    diff_ids: Vec<String>,
}

/// A folder of the test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("validate-jwt-image-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What cannot be removed is left to the system's own cleaning of temporary files.
            let _outcome = fs::remove_dir_all(&self.0);
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// Where the bytes of a descriptor are; they are those that it means.
fn blob(layout: &Path, of: &Descriptor, media_type: &str) -> PathBuf {
    assert_eq!(of.media_type, media_type);
    let path = layout.join("blobs").join(of.digest.replace(':', "/"));
    let bytes = fs::read(&path).unwrap();
    assert_eq!((of.digest.clone(), of.size), (sha256(&bytes), bytes.len()));
    path
}

/// Every file under a folder with its content.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for path in fs::read_dir(inner).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Checks a layout to the last file, and gives the digest of its image and the module in it.
fn check(layout: &Path, version: &str) -> (String, Vec<u8>) {
    let mark: Layout = read(&layout.join("oci-layout"));
    assert_eq!(mark.image_layout_version, "1.0.0");
    let index: Index = read(&layout.join("index.json"));
    assert_eq!(
        (index.schema_version, index.media_type.as_str()),
        (2, "application/vnd.oci.image.index.v1+json")
    );
    let [manifest] = index.manifests.as_slice() else { panic!("{index:?}") };
    let name = BTreeMap::from([("org.opencontainers.image.ref.name".to_owned(), version.to_owned())]);
    assert_eq!(manifest.annotations, name);
    let image = manifest.digest.clone();
    let manifest_path = blob(layout, manifest, "application/vnd.oci.image.manifest.v1+json");

    let manifest: Manifest = read(&manifest_path);
    assert_eq!(
        (manifest.schema_version, manifest.media_type.as_str()),
        (2, "application/vnd.oci.image.manifest.v1+json")
    );
    assert_eq!(manifest.annotations["module.wasm.image/variant"], "compat");
    assert_eq!(manifest.annotations["org.opencontainers.image.version"], version);
    let config_path = blob(layout, &manifest.config, "application/vnd.oci.image.config.v1+json");
    let config: Config = read(&config_path);
    assert_eq!((config.architecture.as_str(), config.os.as_str()), ("wasm", "wasip1"));
    assert_eq!(config.rootfs.r#type, "layers");

    // The only media type of a layer that Istio takes beside Docker's and an artifact's.
    let [layer] = manifest.layers.as_slice() else { panic!("{manifest:?}") };
    let layer_path = blob(layout, layer, "application/vnd.oci.image.layer.v1.tar+gzip");
    let mut archive = Vec::new();
    GzDecoder::new(fs::File::open(&layer_path).unwrap()).read_to_end(&mut archive).unwrap();
    assert_eq!(config.rootfs.diff_ids, [sha256(&archive)]);

    let expected = [&manifest_path, &config_path, &layer_path].map(|path| path.strip_prefix(layout).unwrap());
    let expected: BTreeSet<&Path> =
        expected.into_iter().chain(["oci-layout", "index.json"].map(Path::new)).collect();
    assert_eq!(tree(layout).keys().map(PathBuf::as_path).collect::<BTreeSet<_>>(), expected);

    let mut archive = tar::Archive::new(archive.as_slice());
    let mut files = archive.entries().unwrap().map(Result::unwrap);
    let mut file = files.next().unwrap();
    let header = file.header();
    assert_eq!(file.path().unwrap(), Path::new("plugin.wasm"));
    assert_eq!((header.mode().unwrap(), header.mtime().unwrap()), (0o644, 0));
    assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
    let mut module = Vec::new();
    file.read_to_end(&mut module).unwrap();
    drop(file);
    assert!(files.next().is_none());
    (image, module)
}

#[test]
fn the_layout_is_what_the_specification_says_and_holds_the_module() {
    let scratch = Scratch::new("layout");
    let module: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let image = Image::pack(&module, "1.2.3").unwrap();
    write(&image, &scratch.file("image")).unwrap();
    let (digest, inside) = check(&scratch.file("image"), "1.2.3");
    assert_eq!(digest, format!("sha256:{}", image.sha256()));
    assert!(inside == module);
    let blobs = tree(&scratch.file("image/blobs"));
    assert_eq!(image.size(), blobs.values().map(Vec::len).sum::<usize>());
}

#[test]
fn the_same_module_gives_the_same_image_and_another_another() {
    let scratch = Scratch::new("same");
    let pack = |module: &[u8], version: &str, folder: &str| {
        let image = Image::pack(module, version).unwrap();
        write(&image, &scratch.file(folder)).unwrap();
        image.sha256().to_owned()
    };
    let first = pack(b"module", "1.0.0", "first");
    assert_eq!(pack(b"module", "1.0.0", "second"), first);
    assert_eq!(tree(&scratch.file("first")), tree(&scratch.file("second")));
    assert_ne!(pack(b"modules", "1.0.0", "third"), first);
    assert_ne!(pack(b"module", "1.0.1", "fourth"), first);
}

#[test]
fn a_layout_takes_the_place_of_another_and_of_nothing_else() {
    let scratch = Scratch::new("place");
    let [first, second] = [b"first", b"later"].map(|module| Image::pack(module, "1.0.0").unwrap());
    let folder = scratch.file("image");
    write(&first, &folder).unwrap();
    write(&second, &folder).unwrap();
    let (_, module) = check(&folder, "1.0.0");
    assert_eq!(module, b"later");

    let home = scratch.file("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter"), "dear").unwrap();
    assert!(write(&first, &home).is_err());
    assert_eq!(fs::read_to_string(home.join("letter")).unwrap(), "dear");
}

/// The program of `make image`, twice, on the module that ships.
#[test]
fn the_module_that_ships_is_packed_the_same_each_time() {
    let scratch = Scratch::new("program");
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/validate_jwt.wasm");
    assert!(module.exists(), "the module is not built: run `make wasm`, or `make test`");
    let [first, second] = ["first", "second"].map(|folder| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_image")).arg(&module).arg(scratch.file(folder)).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let (digest, inside) = check(&scratch.file(folder), env!("CARGO_PKG_VERSION"));
        assert!(inside == fs::read(&module).unwrap());
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.trim_end().ends_with(&digest.replace(':', " ")), "{told}");
        digest
    });
    assert_eq!(first, second);
    assert_eq!(tree(&scratch.file("first")), tree(&scratch.file("second")));
}

#[test]
fn what_cannot_be_packed_is_told() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_image")).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&[]), (false, "image: usage: image MODULE FOLDER\n".to_owned()));
    let (success, told) = run(&["no-such-module", "no-such-folder"]);
    assert!(!success && told.starts_with("image: no-such-module: "), "{told}");
}
