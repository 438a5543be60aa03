use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, ImportSection, Module, NameMap, NameSection, RefType, TableSection, TableType,
    TypeSection,
};
use wasmparser::{ElementItems, KnownCustom, Name, Operator, Parser, Payload};

use super::{Exports, Fault, trim};

/// Two imports and six functions, each with its name:
///
/// | index | name | is called by | exported as |
/// | --- | --- | --- | --- |
/// | 0 | `used_import` | 3 | |
/// | 1 | `unused_import` | 2 | |
/// | 2 | `dropped` | | `proxy_on_log` |
/// | 3 | `kept` | | `proxy_on_tick` |
/// | 4 | `deep` | 5 | |
/// | 5 | `shallow` | 3 | |
/// | 6 | `in_table` | | |
/// | 7 | `nobody` | | |
fn module() -> Vec<u8> {
    const NAMES: [&str; 8] =
        ["used_import", "unused_import", "dropped", "kept", "deep", "shallow", "in_table", "nobody"];
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    for name in ["used_import", "unused_import"] {
        imports.import("env", name, EntityType::Function(0));
    }
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for calls in [vec![1], vec![0, 5], vec![], vec![4], vec![], vec![]] {
        functions.function(0);
        let mut body = Function::new([]);
        for callee in calls {
            body.instructions().call(callee);
        }
        body.instructions().end();
        code.function(&body);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: None,
        shared: false,
    });
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(vec![6].into()));
    let mut exports = ExportSection::new();
    exports.export("proxy_on_log", ExportKind::Func, 2).export("proxy_on_tick", ExportKind::Func, 3);
    let mut names = NameSection::new();
    let mut of_functions = NameMap::new();
    for (index, name) in (0..).zip(NAMES) {
        of_functions.append(index, name);
    }
    names.functions(&of_functions);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&tables)
        .section(&exports)
        .section(&elements)
        .section(&code)
        .section(&CustomSection { name: ".debug_line".into(), data: b"places in the code".as_slice().into() })
        .section(&names);
    module.finish()
}

/// What a module has: each on a line.
fn contents(module: &[u8]) -> Vec<String> {
    let mut contents = Vec::new();
    for payload in Parser::new(0).parse_all(module).map(Result::unwrap) {
        if let Payload::ImportSection(imports) = payload {
            contents.extend(imports.into_imports().map(|import| format!("import {}", import.unwrap().name)));
        } else if let Payload::ExportSection(exports) = payload {
            let exports = exports.into_iter().map(Result::unwrap);
            contents.extend(exports.map(|export| format!("export {} {}", export.name, export.index)));
        } else if let Payload::ElementSection(elements) = payload {
            for element in elements {
                let ElementItems::Functions(functions) = element.unwrap().items else {
                    panic!("not functions")
                };
                let functions: Vec<_> = functions.into_iter().map(Result::unwrap).collect();
                contents.push(format!("table {functions:?}"));
            }
        } else if let Payload::CodeSectionEntry(body) = payload {
            let mut calls = Vec::new();
            for operator in body.get_operators_reader().unwrap() {
                if let Operator::Call { function_index } = operator.unwrap() {
                    calls.push(function_index);
                }
            }
            contents.push(format!("body {calls:?}"));
        } else if let Payload::CustomSection(section) = payload {
            let KnownCustom::Name(names) = section.as_known() else { panic!("{}", section.name()) };
            for names in names {
                let Name::Function(names) = names.unwrap() else { panic!("not names of functions") };
                let names = names.into_iter().map(Result::unwrap);
                contents.extend(names.map(|naming| format!("name {} {}", naming.index, naming.name)));
            }
        }
    }
    contents
}

#[test]
fn what_nothing_reaches_is_gone_and_the_rest_is_numbered_anew() {
    let trimmed = trim(&module(), &Exports::parse("proxy_on_tick")).unwrap();
    let expected = [
        "import used_import",
        "export proxy_on_tick 1",
        "table [2]",
        "body [0, 3]",
        "body []",
        "body [2]",
        "name 0 used_import",
        "name 1 kept",
        "name 2 deep",
        "name 3 shallow",
    ];
    assert_eq!(contents(&trimmed), expected);
}

/// In `module`, `deep` and `in_table` do the same: nothing.
#[test]
fn a_function_that_is_there_twice_is_there_once() {
    let contents = contents(&trim(&module(), &Exports::parse("proxy_on_tick")).unwrap());
    for line in ["table [2]", "name 2 deep"] {
        assert!(contents.contains(&line.to_owned()), "{line} is missing: {contents:?}");
    }
    assert!(!contents.iter().any(|line| line.contains("in_table")), "{contents:?}");
}

#[test]
fn what_is_kept_keeps_what_it_calls() {
    let trimmed = trim(&module(), &Exports::parse("proxy_on_tick\nproxy_on_log")).unwrap();
    let contents = contents(&trimmed);
    for line in ["import unused_import", "export proxy_on_log 2", "body [1]", "name 2 dropped"] {
        assert!(contents.contains(&line.to_owned()), "{line} is missing: {contents:?}");
    }
    assert!(!contents.iter().any(|line| line.contains("nobody")), "{contents:?}");
}

#[test]
fn trimming_again_changes_nothing() {
    let keep = Exports::parse("proxy_on_tick");
    let once = trim(&module(), &keep).unwrap();
    assert_eq!(trim(&module(), &keep).unwrap(), once);
    assert_eq!(trim(&once, &keep).unwrap(), once);
}

#[test]
fn an_export_that_should_be_there_and_is_not_is_an_error_that_names_it() {
    let keep = Exports::parse("proxy_on_tick\nproxy_on_configure\nmemory");
    let fault = trim(&module(), &keep).unwrap_err();
    assert_eq!(fault, Fault::Missing(vec!["memory".to_owned(), "proxy_on_configure".to_owned()]));
    assert_eq!(fault.to_string(), "the module does not export memory, proxy_on_configure");
}

#[test]
fn what_is_no_module_is_an_error() {
    let keep = Exports::parse("proxy_on_tick");
    let module = module();
    for bytes in [&[][..], b"no module", &module[..module.len() / 2]] {
        assert!(matches!(trim(bytes, &keep), Err(Fault::Unreadable(_))), "{} bytes", bytes.len());
    }
}

#[test]
fn a_list_has_names_reasons_and_comments() {
    let list = "# proxy_on_log is not here\n\nproxy_on_tick   why\nmemory\n";
    assert_eq!(Exports::parse(list), Exports::parse("memory\nproxy_on_tick"));
    assert!(Exports::of_the_filter().contains("proxy_on_delete"));
}
