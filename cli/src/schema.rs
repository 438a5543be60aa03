//! `validate-jwt schema`: the JSON Schema of the configuration, for editors and pipelines.

/// The schema (2020-12), as it stands in `filter-config/schema.json`.
pub const SCHEMA: &str = include_str!("../../filter-config/schema.json");
