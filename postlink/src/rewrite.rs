//! A module again, without the functions that are not reached.

use std::{collections::BTreeMap, fmt};

use wasm_encoder::{
    CodeSection, EntityType, ExportSection, FunctionSection, ImportSection, Module, NameMap, NameSection,
    reencode::{self, Reencode},
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, Export, FunctionSectionReader, ImportSectionReader, Name, Parser,
    TypeRef,
};

use crate::{Exports, Fault, names, reach::Reached};

/// Custom sections that stay true when functions move: what made the module, and what an engine must have. The names of
/// functions are rewritten.
const CUSTOM_SECTIONS: [&str; 3] = ["name", "producers", "target_features"];

/// The module with these exports and functions, of which the first of each kind stands for its copies.
pub(crate) fn with(
    module: &[u8],
    keep: &Exports,
    reached: &Reached,
    copies: &BTreeMap<u32, u32>,
) -> Result<Vec<u8>, Fault> {
    let staying = reached.functions.iter().filter(|function| !copies.contains_key(function));
    let places = staying.copied().zip(0..).collect();
    let mut rewriter = Rewriter { keep, places, copies, imported: reached.imported };
    let mut rewritten = Module::new();
    rewriter.parse_core_module(&mut rewritten, Parser::new(0), module)?;
    Ok(rewritten.finish())
}

/// Rewrites a module, section by section.
struct Rewriter<'k> {
    keep: &'k Exports,
    /// Where each function goes that stays.
    places: BTreeMap<u32, u32>,
    /// Which other function stands for one that does not.
    copies: &'k BTreeMap<u32, u32>,
    /// How many functions were imported.
    imported: u32,
}

/// A function that something names although nothing reaches it: then the search for what is reached has a gap.
#[derive(Debug)]
pub(crate) struct Unreached(u32);

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {} is named, but was not seen to be reached", self.0)
    }
}

type Rewritten<T> = Result<T, reencode::Error<Unreached>>;

impl Rewriter<'_> {
    fn stays(&self, function: u32) -> bool {
        self.places.contains_key(&function)
    }
}

impl Reencode for Rewriter<'_> {
    type Error = Unreached;

    fn function_index(&mut self, function: u32) -> Rewritten<u32> {
        let first = self.copies.get(&function).unwrap_or(&function);
        self.places.get(first).copied().ok_or(reencode::Error::UserError(Unreached(function)))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Rewritten<()> {
        let mut functions = 0..self.imported;
        for import in section.into_imports() {
            let import = import?;
            let is_function = matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
            if !is_function || functions.next().is_some_and(|function| self.stays(function)) {
                let kind: EntityType = self.entity_type(import.ty)?;
                imports.import(import.module, import.name, kind);
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Rewritten<()> {
        for (function, signature) in (self.imported..).zip(section) {
            if self.stays(function) {
                functions.function(self.type_index(signature?)?);
            }
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Rewritten<()> {
        for (function, body) in (self.imported..).zip(section) {
            if self.stays(function) {
                self.parse_function_body(code, body?)?;
            }
        }
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> Rewritten<()> {
        if self.keep.contains(export.name) {
            reencode::utils::parse_export(self, exports, export)?;
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Rewritten<()> {
        if CUSTOM_SECTIONS.contains(&section.name()) {
            reencode::utils::parse_custom_section(self, module, section)?;
        }
        Ok(())
    }

    fn parse_custom_name_subsection(&mut self, names: &mut NameSection, section: Name<'_>) -> Rewritten<()> {
        // Names of what has no name in Rust are the linker's own, and tell nobody anything.
        if let Name::Function(functions) = section {
            let mut kept = NameMap::new();
            for naming in functions {
                let naming = naming?;
                if let Some(place) = self.places.get(&naming.index) {
                    kept.append(*place, &names::readable(naming.name));
                }
            }
            names.functions(&kept);
        }
        Ok(())
    }
}
