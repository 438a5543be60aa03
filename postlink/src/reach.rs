//! Which functions of a module can be called at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use wasm_encoder::{
    CodeSection, ElementSection, GlobalSection, TableSection,
    reencode::{self, Reencode},
};
use wasmparser::{FunctionBody, Parser, Payload, TypeRef};

use crate::{Exports, Fault};

/// The functions that are reached.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// By their indices, what is imported included.
    pub(crate) functions: BTreeSet<u32>,
    /// How many functions are imported: their indices come first.
    pub(crate) imported: u32,
    /// Reached, and not yet looked into.
    pending: Vec<u32>,
}

/// Who re-encodes a part of a module asks for the new index of each function that the part names. That shows which they are.
impl Reencode for Reached {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        if self.functions.insert(function) {
            self.pending.push(function);
        }
        Ok(function)
    }
}

/// Everything that is reached from the exports that are kept. A function in a table counts as reached: what is called through
/// the table cannot be seen.
pub(crate) fn from(module: &[u8], keep: &Exports) -> Result<Reached, Fault> {
    let mut reached = Reached::default();
    let mut exported = BTreeSet::new();
    let mut bodies: BTreeMap<u32, FunctionBody<'_>> = BTreeMap::new();
    let mut next_body = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::ImportSection(imports) = payload {
            for import in imports.into_imports() {
                if let TypeRef::Func(_) | TypeRef::FuncExact(_) = import?.ty {
                    reached.imported = following(reached.imported)?;
                }
            }
            next_body = reached.imported;
        } else if let Payload::ExportSection(exports) = payload {
            for export in exports {
                let export = export?;
                exported.insert(export.name);
                if keep.contains(export.name) {
                    reached.external_index(export.kind, export.index)?;
                }
            }
        } else if let Payload::StartSection { func, .. } = payload {
            reached.function_index(func)?;
        } else if let Payload::TableSection(tables) = payload {
            reached.parse_table_section(&mut TableSection::new(), tables)?;
        } else if let Payload::GlobalSection(globals) = payload {
            reached.parse_global_section(&mut GlobalSection::new(), globals)?;
        } else if let Payload::ElementSection(elements) = payload {
            reached.parse_element_section(&mut ElementSection::new(), elements)?;
        } else if let Payload::CodeSectionEntry(body) = payload {
            bodies.insert(next_body, body);
            next_body = following(next_body)?;
        }
    }
    let missing = keep.missing(&exported);
    if !missing.is_empty() {
        return Err(Fault::Missing(missing));
    }
    while let Some(function) = reached.pending.pop() {
        if let Some(body) = bodies.remove(&function) {
            reached.parse_function_body(&mut CodeSection::new(), body)?;
        }
    }
    Ok(reached)
}

fn following(index: u32) -> Result<u32, Fault> {
    index.checked_add(1).ok_or_else(|| Fault::Unreadable("it has too many functions".to_owned()))
}
