//! `validate-jwt schema`: what it prints is the file that ships.

use std::process::Command;

#[test]
fn the_schema_is_the_file_that_ships() {
    let output = Command::new(env!("CARGO_BIN_EXE_validate-jwt")).arg("schema").output().unwrap();
    assert!(output.status.success());
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../filter-config/schema.json")).unwrap();
    assert_eq!(output.stdout, file);
    let schema: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}
