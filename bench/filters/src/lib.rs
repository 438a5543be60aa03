//! The floor under every wasm filter: one that does nothing, and one that reads a header by one call of the host.
//!
//! A plugin's configuration is the name of the header, or nothing.

#![cfg(target_family = "wasm")]
#![expect(missing_docs, reason = "the SDK writes the entry point, and no comment over it")]

use std::rc::Rc;

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, MapType},
};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Plugin { header: None }));
}}

/// The root context: a plugin.
struct Plugin {
    header: Option<Rc<str>>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
        let header = configuration.ok().flatten().and_then(|name| String::from_utf8(name).ok());
        self.header = header.filter(|name| !name.is_empty()).map(Rc::from);
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.header {
            None => Box::new(Idle),
            Some(header) => Box::new(Reader(Rc::clone(header))),
        })
    }
}

/// Does nothing with a request.
struct Idle;

impl Context for Idle {}

impl HttpContext for Idle {}

/// Reads one header of a request.
struct Reader(Rc<str>);

impl Context for Reader {}

impl HttpContext for Reader {
    fn on_http_request_headers(&mut self, _count: usize, _is_end: bool) -> Action {
        let value = hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, &self.0);
        // A request without the header is not what is measured, and must show.
        if matches!(value, Ok(Some(_))) { Action::Continue } else { Action::Pause }
    }
}
