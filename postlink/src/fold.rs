//! Functions that are the same to the last byte.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    convert::Infallible,
};

use wasm_encoder::{
    CodeSection, Encode,
    reencode::{self, Reencode},
};
use wasmparser::{Parser, Payload};

use crate::{Fault, reach::Reached};

/// For each function that another one can stand for, that other one: the first of the same signature and code. Rust does not
/// promise that functions have addresses of their own. A backtrace calls all of them by the name of the first.
pub(crate) fn copies(module: &[u8], reached: &Reached) -> Result<BTreeMap<u32, u32>, Fault> {
    let mut signatures = Vec::new();
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::FunctionSection(section) = payload {
            signatures = section.into_iter().collect::<Result<_, _>>()?;
        } else if let Payload::CodeSectionEntry(body) = payload {
            bodies.push(body);
        }
    }
    let mut folder = Folder(BTreeMap::new());
    loop {
        let mut known = BTreeMap::new();
        let mut found = false;
        for ((function, signature), body) in (reached.imported..).zip(&signatures).zip(&bodies) {
            if !reached.functions.contains(&function) || folder.0.contains_key(&function) {
                continue;
            }
            let mut code = CodeSection::new();
            folder.parse_function_body(&mut code, body.clone())?;
            let mut bytes = Vec::new();
            code.encode(&mut bytes);
            match known.entry((signature, bytes)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(function);
                }
                Entry::Occupied(first) => {
                    folder.0.insert(function, *first.get());
                    found = true;
                }
            }
        }
        // Who calls one or the other of two that were the same now calls the same one, and may have become the same itself.
        if !found {
            return Ok(folder.0);
        }
    }
}

/// Writes a function with the first of its kind in place of each that it calls.
struct Folder(BTreeMap<u32, u32>);

impl Reencode for Folder {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.0.get(&function).copied().unwrap_or(function))
    }
}
